// chunked_iter from Go, with lib/pq: PGHOST=... go run client.go WHAT
//
//	stream    reads every entry, a row at a time
//	pages     follows the pages of an author, each a statement of its own
//	job       runs a job and prints its messages and its progress
//	prepared  runs one prepared statement over and over, a changed table included
package main

import (
	"context"
	"database/sql"
	"fmt"
	"log"
	"os"
	"runtime"

	"github.com/lib/pq"
)

// lib/pq reads a row from the connection when it is asked for; the walk waits
// meanwhile. Closing the rows early reads the rest of them: say LIMIT instead.
func stream(ctx context.Context, db *sql.DB) error {
	before := memory()
	rows, err := db.QueryContext(ctx, `
		SELECT id, title FROM chunked_iter(NULL::entry, order_by => 'written DESC')`)
	if err != nil {
		return err
	}
	defer rows.Close()
	entries, titles := 0, 0
	for rows.Next() {
		var id int64
		var title string
		if err := rows.Scan(&id, &title); err != nil {
			return err
		}
		entries++
		titles += len(title)
	}
	fmt.Printf("%d entries, %d characters of titles, %d kB more memory\n", entries, titles, memory()-before)
	return rows.Err()
}

func memory() int64 {
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.Sys) / 1024
}

// The key of a page's last row is the bookmark of the next: no cursor, no OFFSET.
func pages(ctx context.Context, db *sql.DB) error {
	page, err := db.PrepareContext(ctx, `
		SELECT id, chunked_iter_key(entry, 'written DESC')
		  FROM chunked_iter(NULL::entry, $1, 'written DESC', after => $2) AS entry
		 WHERE author = $3
		 LIMIT 40`)
	if err != nil {
		return err
	}
	var after []string
	for {
		rows, err := page.QueryContext(ctx, 100, pq.Array(after), "author 7")
		if err != nil {
			return err
		}
		n := 0
		for rows.Next() {
			var id int64
			if err := rows.Scan(&id, pq.Array(&after)); err != nil {
				return err
			}
			if n > 0 {
				fmt.Print(" ")
			}
			fmt.Print(id)
			n++
		}
		if err := rows.Err(); err != nil {
			return err
		}
		if n == 0 {
			return nil
		}
		fmt.Println()
	}
}

// CALL commits: it is sent outside of any transaction, on a connection of its own.
func job(ctx context.Context, _ *sql.DB) error {
	base, err := pq.NewConnector("")
	if err != nil {
		return err
	}
	connector := pq.ConnectorWithNoticeHandler(base, func(notice *pq.Error) {
		fmt.Println(notice.Message)
	})
	db := sql.OpenDB(connector)
	defer db.Close()
	_, err = db.ExecContext(ctx, `CALL chunked_iter_run('shorten', 'entry',
		'UPDATE entry SET body = left(body, 40) WHERE chunk_range(entry)',
		chunk_size => $1)`, 5000)
	if err != nil {
		return err
	}
	var state, percent string
	var done int64
	err = db.QueryRowContext(ctx, `SELECT state, percent, rows_done
		FROM chunked_iter_progress WHERE job = 'shorten'`).Scan(&state, &percent, &done)
	if err == nil {
		fmt.Println(state, percent, done)
	}
	return err
}

// A prepared statement is planned for all values from the sixth execution on.
func prepared(ctx context.Context, db *sql.DB) error {
	query, err := db.PrepareContext(ctx, `
		SELECT count(*) FROM chunked_iter(NULL::entry, after => $1, filter => 'id > 100')
		 WHERE author = $2`)
	if err != nil {
		return err
	}
	run := func(after int64) error {
		var count int64
		err := query.QueryRowContext(ctx, pq.Array([]int64{after}), "author 7").Scan(&count)
		if err == nil {
			fmt.Println(count)
		}
		return err
	}
	for i := int64(0); i < 12; i++ {
		if err := run(i * 1000); err != nil {
			return err
		}
	}
	if _, err := db.ExecContext(ctx, "ALTER TABLE entry ADD seen boolean"); err != nil {
		return err
	}
	return run(0)
}

func main() {
	ways := map[string]func(context.Context, *sql.DB) error{
		"stream": stream, "pages": pages, "job": job, "prepared": prepared,
	}
	db, err := sql.Open("postgres", "")
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close()
	if err := ways[os.Args[1]](context.Background(), db); err != nil {
		log.Fatal(err)
	}
}
