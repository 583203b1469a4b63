# job.csv -> SVG, on standard output; run in the directory of the file
set terminal svg size 760,440 font "sans-serif,13" background "white"
set datafile separator ","
set title "A job in four calls, as chunked\\_iter\\_runs has them"
set xlabel "seconds"
set ylabel "rows done"
set format y "%'.0f"
set key top left Left reverse opaque
set rmargin 4
set grid
set style fill solid 0.85 noborder
stats "job.csv" every ::1 using 5 nooutput
top = STATS_max
set yrange [-0.14*top:1.15*top]
set ytics 0,200000
low = -0.11*top
high = -0.04*top
# What a call did in its time, below the line of its rows
plot "job.csv" every ::1 using 2:(0):2:($2+$6):(low):(high) with boxxyerror lc rgb "#1f77b4" title "at work", \
     "" every ::1 using ($2+$6):(0):($2+$6):($2+$6+$8):(low):(high) with boxxyerror lc rgb "#c9a227" title "pause\\_ms", \
     "" every ::1 using ($2+$6+$8):(0):($2+$6+$8):($2+$6+$8+$7):(low):(high) with boxxyerror lc rgb "#b0413e" title "throttle\\_query", \
     "" every ::1 using 2:4:($3-$2):($5-$4) with vectors nohead lw 3 lc rgb "#1f77b4" title "rows done", \
     "" every ::1 using 3:5 with points pt 7 ps 0.5 lc rgb "#1f77b4" notitle
