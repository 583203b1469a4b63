# frozen_string_literal: true

# Reading a model's table through chunked_iter: what an application needs of it.
#
# walk is for jobs: one statement, one snapshot, bounded memory in the server
# and here. page is for controllers: it keeps nothing between two requests.

require 'active_record'

ActiveRecord::Base.establish_connection(
  adapter: 'postgresql',
  database: ENV.fetch('PGDATABASE', 'postgres'),
  host: ENV['PGHOST'], port: ENV['PGPORT'], username: ENV['PGUSER']
)

# For models: include Chunked
module Chunked
  extend ActiveSupport::Concern

  class_methods do
    # Yields all rows, as records, in any order.
    def walk(chunk_size: 1000, order_by: nil, filter: nil)
      sql = sanitize_sql([<<~SQL, chunk_size, order_by, filter])
        SELECT * FROM chunked_iter(NULL::#{quoted_table_name}, ?, order_by => ?, filter => ?)
      SQL
      transaction do
        connection.execute("DECLARE walk NO SCROLL CURSOR FOR #{sql}")
        until (rows = find_by_sql("FETCH #{Integer(chunk_size)} FROM walk")).empty?
          rows.each { |row| yield row }
        end
        connection.execute('CLOSE walk')
      end
    end

    # The next rows after a bookmark; each has its own as row.bookmark.
    def page(size, after: nil, order_by: nil, filter: nil)
      after &&= PG::TextEncoder::Array.new.encode(after)
      find_by_sql([<<~SQL, order_by, size, order_by, filter, after, size])
        SELECT t.*, chunked_iter_key(t, ?) AS bookmark
          FROM chunked_iter(NULL::#{quoted_table_name}, ?, order_by => ?, filter => ?, after => ?) AS t
         LIMIT ?
      SQL
    end
  end
end

# The model of the examples
class Entry < ActiveRecord::Base
  self.table_name = 'entry'
  include Chunked
end
