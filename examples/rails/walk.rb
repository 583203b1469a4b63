# frozen_string_literal: true

# Reads every entry, the latest first, in memory that stays small.
#
#   PGHOST=... ruby examples/rails/walk.rb

require_relative 'chunked'

# In kB, where Linux tells it
def peak_memory
  File.exist?('/proc/self/status') ? File.read('/proc/self/status')[/VmHWM:\s+(\d+)/, 1].to_i : 0
end

Entry.first
before = peak_memory
entries = 0
titles = 0
Entry.walk(order_by: 'written DESC') do |entry|
  entries += 1
  titles += entry.title.length
end
puts "#{entries} entries, #{titles} characters of titles, #{peak_memory - before} kB more memory"
