# pages.csv -> SVG, on standard output; run in the directory of the file
set terminal svg size 720,420 font "sans-serif,13" background "white"
set datafile separator ","
set title "A page of 50 rows, however far in"
set xlabel "rows before the page"
set ylabel "ms"
set logscale y
set logscale x
set format x "%.0f"
set xrange [80:1000000]
set yrange [0.01:2000]
set key top left Left reverse opaque
set rmargin 6
set grid
plot "pages.csv" every ::1 using 1:2 with linespoints lw 2 pt 6 title "ORDER BY id LIMIT 50 OFFSET n", \
     "" every ::1 using 1:3 with linespoints lw 2 pt 7 title "chunked\\_iter(..., after => key) LIMIT 50"
