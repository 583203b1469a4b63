# The plots of docs/benchmarks.md, from the medians in bench/results:
#
#   gnuplot -e "results='bench/results'; docs='docs'; columns=10" bench/plots.gp
#
# where plot_memory.csv has so many columns.

set datafile separator ','
set border 3 linecolor rgb '#555555'
set tics nomirror textcolor rgb '#333333'

# Ways through chunked_iter are blue, in the one plot as in the other.
memory = results.'/plot_memory.csv'
colours = '#1f77b4 #17a2c4 #0b3d6b #b0413e #e08a3c #7a7a7a #c9a227 #6f4e7c #4c9f70 #a0a0a0'
ours = 3	# the first so many series

set terminal svg noenhanced size 1000,440 font 'sans-serif,13' background rgb 'white'
set output docs.'/bench_memory.svg'
set title 'Memory of the client while it reads a whole table'
set xlabel 'rows in the table'
set ylabel 'MB more than when connected'
set logscale xy
set xtics 1e5,10 format '%.0f'
set grid ytics linecolor rgb '#dddddd'
set key outside right top reverse Left samplen 2
set yrange [0.08:3000]
plot for [i = 2 : columns] memory using 1:i with linespoints \
	linecolor rgb word(colours, i - 1) linewidth (i <= ours + 1 ? 3 : 1.5) \
	pointtype (i <= ours + 1 ? 7 : 6) pointsize 0.7 title columnheader(i)

reset
set datafile separator ','
set border 3 linecolor rgb '#555555'
set tics nomirror textcolor rgb '#333333'
set terminal svg noenhanced size 900,620 font 'sans-serif,13' background rgb 'white'
set output docs.'/bench_time.svg'
set title 'Time to read a million rows'
set xlabel 'times as long as SELECT ... ORDER BY id inside the server'
set style fill solid 0.85 noborder
set grid xtics linecolor rgb '#dddddd'
set key inside right top
set xrange [0:*]
set yrange [*:*] reverse
set offsets 0, 4, 0, 0
times = results.'/plot_time.csv'
plot times every ::1 using (0):0:(0):2:($0 - 0.36):($0 + 0.36):ytic(1) with boxxyerror linecolor rgb '#9aa5b1' title 'others', \
	'' every ::1 using (0):0:(0):3:($0 - 0.36):($0 + 0.36) with boxxyerror linecolor rgb '#1f77b4' title 'through chunked_iter', \
	'' every ::1 using 2:0:(sprintf('%.1f', $2)) with labels left offset 0.6, 0 font 'sans-serif,11' notitle, \
	'' every ::1 using 3:0:(sprintf('%.1f', $3)) with labels left offset 0.6, 0 font 'sans-serif,11' notitle
