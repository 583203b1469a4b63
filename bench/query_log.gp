# query_log.csv -> SVG, on standard output; run in the directory of the file
set terminal svg size 720,460 font "sans-serif,13" background "white"
set datafile separator ","
set title "What a session remembers of its queries"
set xlabel "queries"
set ylabel "memory, MB"
set format x "%'.0f"
set key top left Left reverse opaque
set rmargin 6
set grid
set yrange [0:*]
set offsets 0, 0, graph 0.35, 0
of(mode) = sprintf("< grep '^%s,' query_log.csv", mode)
plot of("Django") using 2:($3/1e6) with lines lw 2 title "Django's connection.queries, its limit lifted", \
     of("without limits") using 2:($3/1e6) with lines lw 2 title "chunked\\_iter.debug = chunks, without limits", \
     of("within limits") using 2:($3/1e6) with lines lw 2 title "chunked\\_iter.debug = chunks, within the limits there are", \
     of("off") using 2:($3/1e6) with lines lw 2 title "chunked\\_iter.debug = off"
