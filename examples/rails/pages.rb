# frozen_string_literal: true

# A list that goes on for ever, from a server that remembers nothing: all that
# the next page needs is the bookmark of the last row shown, which would be in
# the link to it. Each page costs the same, the last as little as the first.
#
#   PGHOST=... ruby examples/rails/pages.rb

require_relative 'chunked'
require 'json'

link = 'null'
while link
  rows = Entry.page(40, after: JSON.parse(link), order_by: 'written DESC', filter: "author = 'author 7'")
  puts rows.map(&:id).join(' ')
  link = rows.size == 40 ? rows.last.bookmark.to_json : nil
end
