// chunked_iter from Node: cd examples/node && npm install && PGHOST=... node client.js WHAT
//
// stream    reads every entry through a cursor
// pages     follows the pages of an author, each a statement of its own
// job       runs a job and prints its messages and its progress
// prepared  runs one prepared statement over and over, a changed table included

'use strict'

const { Client } = require('pg')
const Cursor = require('pg-cursor')

// A cursor of the protocol: the walk waits in its portal between two reads.
async function stream(client) {
  const cursor = client.query(
    new Cursor("SELECT id, title FROM chunked_iter(NULL::entry, order_by => 'written DESC')")
  )
  const before = process.memoryUsage().rss
  let entries = 0
  let titles = 0
  for (let rows; (rows = await cursor.read(1000)).length > 0; ) {
    for (const row of rows) {
      entries++
      titles += row.title.length
    }
  }
  const grown = Math.round((process.memoryUsage().rss - before) / 1024)
  console.log(`${entries} entries, ${titles} characters of titles, ${grown} kB more memory`)
}

// The key of a page's last row is the bookmark of the next: no cursor, no OFFSET.
async function pages(client) {
  const page = {
    name: 'page',
    text: `SELECT id, chunked_iter_key(entry, 'written DESC') AS key
             FROM chunked_iter(NULL::entry, $1, 'written DESC', after => $2) AS entry
            WHERE author = $3
            LIMIT 40`
  }
  for (let after = null; ; ) {
    const { rows } = await client.query({ ...page, values: [100, after, 'author 7'] })
    if (rows.length === 0) return
    console.log(rows.map((row) => row.id).join(' '))
    after = rows[rows.length - 1].key
  }
}

// pg opens no transaction by itself, so that CALL can commit.
async function job(client) {
  client.on('notice', (notice) => console.log(notice.message))
  await client.query(
    `CALL chunked_iter_run('shorten', 'entry',
       'UPDATE entry SET body = left(body, 40) WHERE chunk_range(entry)',
       chunk_size => $1)`,
    [5000]
  )
  const { rows } = await client.query(
    "SELECT state, percent, rows_done FROM chunked_iter_progress WHERE job = 'shorten'"
  )
  console.log(rows[0].state, rows[0].percent, rows[0].rows_done)
}

// A query with a name is prepared once, and planned for all values from the sixth on.
async function prepared(client) {
  const query = {
    name: 'entries',
    text: `SELECT count(*) FROM chunked_iter(NULL::entry, after => $1, filter => 'id > 100')
            WHERE author = $2`
  }
  const run = async (after) => {
    const { rows } = await client.query({ ...query, values: [[after], 'author 7'] })
    console.log(rows[0].count)
  }
  for (let i = 0; i < 12; i++) await run(i * 1000)
  const other = new Client()
  await other.connect()
  await other.query('ALTER TABLE entry ADD seen boolean')
  await other.end()
  await run(0)
}

async function main() {
  const client = new Client()
  await client.connect()
  try {
    await { stream, pages, job, prepared }[process.argv[2]](client)
  } finally {
    await client.end()
  }
}

main()
