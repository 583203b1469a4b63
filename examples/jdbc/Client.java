import java.sql.Array;
import java.sql.CallableStatement;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.SQLWarning;
import java.sql.Statement;
import java.util.StringJoiner;

/**
 * chunked_iter from JDBC: java -cp postgresql.jar Client.java URL WHAT
 *
 * <pre>
 * stream    reads every entry, fetchSize rows at a time
 * pages     follows the pages of an author, each a statement of its own
 * job       runs a job and prints its messages and its progress
 * prepared  runs one prepared statement over and over, a changed table included
 * </pre>
 */
public class Client {
    /** With autocommit off, setFetchSize suspends the walk's portal between two fetches. */
    static void stream(Connection connection) throws SQLException {
        connection.setAutoCommit(false);
        try (Statement statement = connection.createStatement()) {
            statement.setFetchSize(1000);
            long before = memory();
            long entries = 0;
            long titles = 0;
            ResultSet rows = statement.executeQuery(
                "SELECT id, title FROM chunked_iter(NULL::entry, order_by => 'written DESC')");
            while (rows.next()) {
                entries++;
                titles += rows.getString(2).length();
            }
            System.out.printf("%d entries, %d characters of titles, %d kB more memory%n",
                entries, titles, memory() - before);
        }
        connection.commit();
    }

    static long memory() {
        System.gc();
        return (Runtime.getRuntime().totalMemory() - Runtime.getRuntime().freeMemory()) / 1024;
    }

    /** The key of a page's last row is the bookmark of the next: no cursor, no OFFSET. */
    static void pages(Connection connection) throws SQLException {
        try (PreparedStatement page = connection.prepareStatement(
                "SELECT id, chunked_iter_key(entry, 'written DESC')"
                + " FROM chunked_iter(NULL::entry, ?, 'written DESC', after => ?) AS entry"
                + " WHERE author = ? LIMIT 40")) {
            Array after = null;
            for (;;) {
                page.setLong(1, 100);
                page.setArray(2, after);
                page.setString(3, "author 7");
                StringJoiner ids = new StringJoiner(" ");
                ResultSet rows = page.executeQuery();
                while (rows.next()) {
                    ids.add(rows.getString(1));
                    after = rows.getArray(2);
                }
                if (ids.length() == 0)
                    return;
                System.out.println(ids);
            }
        }
    }

    /** CALL commits, so the connection must be in autocommit, which it is at first. */
    static void job(Connection connection) throws SQLException {
        try (CallableStatement call = connection.prepareCall(
                "CALL chunked_iter_run('shorten', 'entry',"
                + " 'UPDATE entry SET body = left(body, 40) WHERE chunk_range(entry)',"
                + " chunk_size => ?)")) {
            call.setLong(1, 5000);
            call.execute();
            for (SQLWarning w = call.getWarnings(); w != null; w = w.getNextWarning())
                System.out.println(w.getMessage());
        }
        try (Statement statement = connection.createStatement()) {
            ResultSet row = statement.executeQuery(
                "SELECT state, percent, rows_done FROM chunked_iter_progress WHERE job = 'shorten'");
            row.next();
            System.out.println(row.getString(1) + " " + row.getString(2) + " " + row.getString(3));
        }
    }

    /** The driver prepares on the server from the fifth execution; the server plans for all values later. */
    static void prepared(Connection connection) throws SQLException {
        try (PreparedStatement query = connection.prepareStatement(
                "SELECT count(*) FROM chunked_iter(NULL::entry, after => ?, filter => 'id > 100')"
                + " WHERE author = ?");
             Statement other = connection.createStatement()) {
            for (int i = 0; i < 13; i++) {
                if (i == 12)
                    other.execute("ALTER TABLE entry ADD seen boolean");
                query.setArray(1, connection.createArrayOf("int8",
                    new Long[] {i == 12 ? 0 : i * 1000L}));
                query.setString(2, "author 7");
                ResultSet row = query.executeQuery();
                row.next();
                System.out.println(row.getLong(1));
            }
        }
    }

    public static void main(String[] arguments) throws SQLException {
        try (Connection connection = DriverManager.getConnection(arguments[0])) {
            switch (arguments[1]) {
                case "stream" -> stream(connection);
                case "pages" -> pages(connection);
                case "job" -> job(connection);
                case "prepared" -> prepared(connection);
                default -> throw new IllegalArgumentException(arguments[1]);
            }
        }
    }
}
