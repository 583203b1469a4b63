# frozen_string_literal: true

# The ways of ActiveRecord to read a table in batches, and chunked_iter's.
#
#   rails_ways.rb WAY

require_relative '../../examples/rails/chunked'
require 'json'

class Row < ActiveRecord::Base
  self.table_name = 't'
  include Chunked

  # A column of this table has a name that records use as well.
  def self.instance_method_already_implemented?(name)
    name.to_s.include?('changed') || super
  end
end

def status(field)
  File.read('/proc/self/status')[/^#{field}:\s+(\d+)/, 1].to_i
end

def now
  Process.clock_gettime(Process::CLOCK_MONOTONIC)
end

def pages
  after = nil
  until (rows = Row.page(1000, after: after)).empty?
    rows.each { |row| yield row }
    after = rows.last.bookmark
  end
end

WAYS = {
  'all' => ->(&block) { Row.order(:id).each(&block) },
  'find-each' => ->(&block) { Row.find_each(&block) },
  'in-batches' => ->(&block) { Row.in_batches { |batch| batch.each(&block) } },
  'walk' => ->(&block) { Row.walk(&block) },
  'pages' => ->(&block) { pages(&block) }
}.freeze

Row.first
puts "backend #{Row.connection.select_value('SELECT pg_backend_pid()')}"
$stdout.flush
$stdin.gets
File.write('/proc/self/clear_refs', '5')
memory = status('VmRSS')
started = now
first_row = nil
rows = total = 0
WAYS.fetch(ARGV[0]).call do |row|
  first_row ||= now - started
  rows += 1
  total += row.val
end
puts({ rows: rows, total: total, seconds: now - started, first_row: first_row,
       client_kb: [status('VmHWM') - memory, 0].max }.to_json)
