
=pod

=head1 NAME

Property::Types - the key types of the property test and their hard values

=head1 DESCRIPTION

A type is a hash:

  name      unique here
  cast      how SQL names it in a cast
  define    how a column of it is declared (with collation and modifier)
  kind      what expressions fit it, see Property::Order
  values    texts in the type's input format: extremes, special values, pairs
            that are equal without being identical.  All mean the same under
            every DateStyle, TimeZone and IntervalStyle.
  fresh     function making one more value, mostly different each time
  plain     true if no collation forbids pattern operators and LIKE
  less, greater  its operators, if they are not < and >
  lossy     true if some values do not read back from their text as the same
  unstored  true if no default or view may have a constant of it
  no_index  true if older servers with assertions fail on an index that has
            equal values (of interval, because its values are equal without
            being the same and the index took them for duplicates)

Types, collations and helper functions the server needs for it are in
prelude.sql.

=cut

package Property::Types;

use strict;
use warnings;
use utf8;

use Exporter 'import';
use Property::Dice;

our @EXPORT = qw(literal identifier random_type type_named random_value
  contrib_types use_contrib every_type type_for);

# SQL for a value: a text in single quotes, undef is NULL, and what a scalar
# reference points to is taken as an expression.
sub literal
{
	my ($value) = @_;

	return 'NULL' unless defined $value;
	return $$value if ref $value;
	$value =~ s/'/''/g;
	return "'$value'" unless $value =~ /\\/;
	$value =~ s/\\/\\\\/g;
	return "E'$value'";
}

# A name in double quotes.
sub identifier
{
	my ($name) = @_;

	$name =~ s/"/""/g;
	return qq("$name");
}

my @words = (
	'', ' ', 'a', 'A',
	'b', 'B', 'aa', 'ab',
	'Ab', 'ä', 'Ä', 'z',
	'Z', 'zé', 'ß', '_',
	'%', '-', "it's", 'a"b',
	'a\\b', '{}', '{', 'a,b',
	'NULL', 'null', 'a b', '日本',
	'$1', "tab\there", "line\nbreak", "it''s; --");

sub fresh_text
{
	my ($longest) = @_;

	my $text = join '', map {
		one_of('a' .. 'f', 'A' .. 'F', ' ', 'é', 'ß', '_', '"', '\\', ',')
	} 1 .. between(1, $longest);
	return $text;
}

sub fresh_date
{
	return sprintf('%04d-%02d-%02d',
		between(1, 2500),
		between(1, 12),
		between(1, 28));
}

sub fresh_time
{
	return sprintf(
		'%02d:%02d:%02d.%06d',
		between(0, 23),
		between(0, 59),
		between(0, 59),
		between(0, 999_999));
}

sub fresh_hex
{
	my ($digits) = @_;

	return join '', map { sprintf '%x', between(0, 15) } 1 .. $digits;
}

sub fresh_float
{
	return sprintf('%.16fe%d', rand(2) - 1, between(-20, 20));
}

# A type whose values are words.
sub text_type
{
	my ($name, $define, %more) = @_;

	return {
		name => $name,
		cast => 'text',
		define => $define,
		kind => 'text',
		values => \@words,
		fresh => sub { fresh_text(8) },
		plain => 1,
		%more
	};
}

# A type that is called by its name everywhere.  The values are one text, with
# bars between them.
sub simple_type
{
	my ($name, $kind, $values, $fresh, %more) = @_;

	return {
		name => $name,
		cast => $name,
		define => $name,
		kind => $kind,
		values => [ split /(?<!\\)\|/, $values, -1 ],
		fresh => $fresh,
		%more
	};
}

my @numbers = (
	simple_type(
		'int2', 'int',
		'-32768|32767|0|-1|1|2|3|5|7|100', sub { between(-3000, 3000) }),
	simple_type(
		'int4', 'int',
		'-2147483648|2147483647|0|-1|1|2|3|4|9|65536',
		sub { between(-100_000, 100_000) },
		cast => 'integer',
		define => 'integer'),
	simple_type(
		'int8',
		'int',
		'-9223372036854775808|9223372036854775807|0|-1|1|2|5|'
		  . '4294967296|-4294967297|9007199254740993',
		sub { between(-1_000_000, 1_000_000) . '000' . between(0, 9) }),
	simple_type(
		'numeric',
		'numeric',
		'NaN|Infinity|-Infinity|0|0.00|1|1.0|1.00|-1.5|1e30|-1e-20|'
		  . '0.1|123456789012345678901234567890.5',
		sub { between(-9999, 9999) . '.' . between(1, 999) }),
	simple_type(
		'numeric(8,2)',
		'numeric',
		'NaN|0|-0.01|0.01|1|999999.99|-999999.99',
		sub { between(-9999, 9999) . '.' . between(10, 99) },
		cast => 'numeric'),
	simple_type(
		'float4',
		'float',
		'NaN|Infinity|-Infinity|0|-0|0.1|0.3333333|3.4028235e38|'
		  . '-1.1754944e-38|16777217|1',
		\&fresh_float),
	simple_type(
		'float8',
		'float',
		'NaN|Infinity|-Infinity|0|-0|0.1|0.30000000000000004|0.3|'
		  . '4.9e-324|1.7976931348623157e308|-1.7976931348623157e308|1',
		\&fresh_float),
	simple_type(
		'money', 'other',
		'0|-1.50|12.34|1.00|-92233720368547758.08',
		sub { between(-999, 999) . '.' . between(10, 99) }),
	simple_type(
		'oid', 'other',
		'0|1|2|4294967295|2147483648', sub { between(0, 100_000) }),
	simple_type(
		'prop.small_number', 'domain',
		'-999999|999999|0|1|2|3', sub { between(-1000, 1000) }),);

my @texts = (
	text_type('text', 'text'),
	text_type('text C', 'text COLLATE "C"'),
	text_type('text libc', 'text COLLATE prop.libc'),
	text_type('text icu', 'text COLLATE prop.icu'),
	text_type('text ci', 'text COLLATE prop.ci', plain => 0),
	text_type(
		'varchar', 'varchar(12)',
		cast => 'varchar',
		values => [ grep { length($_) <= 12 } @words ]),
	text_type(
		'varchar ci', 'varchar COLLATE prop.ci',
		cast => 'varchar',
		plain => 0),
	text_type(
		'char', 'char(5)',
		cast => 'char(5)',
		kind => 'other',
		values => [ grep { length($_) <= 5 } @words ],
		fresh => sub { fresh_text(5) }),
	text_type('name', 'name', cast => 'name', kind => 'other', plain => 0),
	simple_type(
		'"char"', 'other',
		'| |a|A|0|~|"|{', sub { one_of('a' .. 'z', 'A' .. 'Z') }),
	text_type(
		'prop.label', 'prop.label',
		cast => 'prop.label',
		kind => 'domain'),
	simple_type(
		'prop.mood', 'enum',
		q{so so|sad|ok|happy|it's|Ok},
		sub { one_of('so so', 'sad', 'ok', 'happy', "it's", 'Ok') }),);

my @times = (
	simple_type(
		'date',
		'date',
		'infinity|-infinity|2001-02-03|2003-02-01|2002-03-01|'
		  . '0044-03-15 BC|4714-11-24 BC|5874897-12-31|1999-12-31|'
		  . '2000-01-01',
		\&fresh_date),
	simple_type(
		'time', 'other',
		'00:00:00|24:00:00|23:59:59.999999|12:34:56.789|00:00:00.000001',
		\&fresh_time),
	simple_type(
		'timetz',
		'other',
		'00:00:00+00|12:00:00+05:30|06:30:00+00|24:00:00-12|'
		  . '12:00:00.000001+05:45|01:30:00-05|11:45:00+05:15',
		sub { fresh_time() . one_of('+00', '-03:30', '+05:45', '+11') }),
	simple_type(
		'timestamp',
		'other',
		'infinity|-infinity|2001-02-03 04:05:06.789012|'
		  . '2001-02-03 04:05:06.789013|2001-03-02 04:05:06|'
		  . '0044-03-15 12:00:00 BC|4713-01-01 00:00:00 BC|'
		  . '294276-12-31 23:59:59.999999|2000-01-01 00:00:00',
		sub { fresh_date() . ' ' . fresh_time() }),
	simple_type(
		'timestamptz',
		'other',
		'infinity|-infinity|2001-02-03 04:05:06.789012+00|'
		  . '2001-02-03 04:05:06.789013+00|2001-03-02 04:05:06+00|'
		  . '0044-03-15 12:00:00+00 BC|1850-06-01 12:00:00.5+00|'
		  . '294276-12-31 12:00:00.999999+00|2021-11-07 05:30:00+00|'
		  . '2021-11-07 06:30:00+00',
		sub { fresh_date() . ' ' . fresh_time() . '+00' }),
	simple_type(
		'timestamptz(2)',
		'other',
		'2001-02-03 04:05:06.78+00|2001-02-03 04:05:06.79+00',
		sub { fresh_date() . ' 01:02:03.' . between(10, 99) . '+00' },
		cast => 'timestamptz'),
	simple_type(
		'interval',
		'other',
		'1 day|24:00:00|1 mon|30 days|-1 day|-24:00:00|00:00:00|'
		  . '+1 year +2 mons +3 days +04:05:06.789|-1 mon +30 days|'
		  . '+1 mon -30 days|00:00:00.000001|-00:00:00.5|'
		  . '178000000 years',
		sub {
			'+'
			  . between(0, 9)
			  . ' mons -'
			  . between(0, 40)
			  . ' days +'
			  . fresh_time();
		},
		no_index => 1),);

my @others = (
	simple_type('bool', 'bool', 't|f', sub { one_of('t', 'f') }),
	simple_type(
		'uuid',
		'other',
		'00000000-0000-0000-0000-000000000000|'
		  . 'ffffffff-ffff-ffff-ffff-ffffffffffff|'
		  . '0188d0f0-0000-7000-8000-000000000001',
		sub { fresh_hex(32) }),
	simple_type(
		'bytea', 'bytea',
		'\\x|\\x00|\\x00ff|\\xdeadbeef|\\x5c27|\\x61',
		sub { '\\x' . fresh_hex(2 * between(1, 6)) }),
	simple_type(
		'inet', 'inet',
		'0.0.0.0/0|10.0.0.1|10.0.0.1/8|10.0.0.0/8|::1|fe80::1/64|'
		  . '192.168.1.5/24|255.255.255.255',
		sub {
			join('.', map { between(0, 255) } 1 .. 4);
		}),
	simple_type(
		'cidr',
		'inet',
		'10.0.0.0/8|10.0.0.0/16|10.0.0.0/32|::/0|fe80::/64|'
		  . '192.168.0.0/16',
		sub { between(1, 255) . '.' . between(0, 255) . '.0.0/16' }),
	simple_type(
		'macaddr',
		'other',
		'00:00:00:00:00:00|ff:ff:ff:ff:ff:ff|08:00:2b:01:02:03',
		sub { fresh_hex(12) }),
	simple_type(
		'int4range',
		'range',
		'empty|[1,5)|[1,6)|(,5)|[1,)|(,)|[3,4)',
		sub { my $low = between(-99, 99); "[$low," . ($low + 7) . ')' }),
	simple_type(
		'tstzrange',
		'range',
		'empty|(,)|[infinity,infinity]|'
		  . '[2001-02-03 04:05:06.000007+00,2003-02-01 00:00:00+00)|'
		  . '[2001-02-03 04:05:06.000007+00,2003-01-02 00:00:00+00)',
		sub { '[' . fresh_date() . ' 12:00:00.000001+00,)' }),
	simple_type(
		'int4multirange',
		'other',
		'{}|{[1,5)}|{[1,2),[3,4)}|{(,)}',
		sub { my $low = between(-99, 99); "{[$low," . ($low + 7) . ')}' }),
	simple_type(
		'int4[]',
		'array',
		'{}|{1}|{1,2}|{NULL}|{1,NULL}|{{1,2},{3,4}}|[0:1]={1,2}|'
		  . '{NULL,1}',
		sub { '{' . between(0, 3) . ',' . between(-99, 99) . '}' }),
	simple_type(
		'text[]',
		'array',
		'{}|{a}|{A}|{a,"b c",NULL}|{"NULL"}|{""}|{"\\"","\\\\"}|'
		  . '{"a,b","{}"}',
		sub { '{a,' . fresh_hex(4) . '}' }),
	simple_type(
		'float8[]',
		'array',
		'{0.1,NaN}|{0.30000000000000004}|{0.3}|{-0}|{0}',
		sub { '{' . fresh_float() . '}' }),
	simple_type(
		'date[]',
		'array',
		'{2001-02-03}|{2001-03-02}|{infinity,NULL}|{}',
		sub { '{' . fresh_date() . '}' }),
	simple_type(
		'jsonb',
		'jsonb',
		q{null|1|1.0|1.00|"a"|[]|{}|{"a": 1}|{"a": "x'y"}|[1, 2]|}
		  . 'true|"\\"\\\\"',
		sub { '{"a": "' . fresh_hex(3) . '"}' }),
	simple_type(
		'bit(4)',
		'other',
		'0000|1010|1111|0001',
		sub { sprintf '%04b', between(0, 15) }),
	simple_type(
		'varbit',
		'other',
		'|0|1|101|00',
		sub { sprintf '%b', between(0, 1000) }),
	simple_type(
		'pg_lsn',
		'other',
		'0/0|FFFFFFFF/FFFFFFFF|1/AB',
		sub { between(0, 9) . '/' . uc fresh_hex(4) }),
	simple_type(
		'tsvector',
		'other',
		q{|a b|a:1A b:2|'it''s'},
		sub { fresh_hex(3) }),
	simple_type(
		'xid8',
		'other',
		'0|1|18446744073709551615',
		sub { between(0, 9999) }),
	simple_type(
		'tid',
		'other',
		'(0,0)|(0,1)|(4294967295,65535)',
		sub { '(' . between(0, 99) . ',' . between(0, 99) . ')' },
		cast => 'pg_catalog.tid',
		define => 'pg_catalog.tid'),
	simple_type(
		'regclass',
		'other',
		'pg_class|pg_type|pg_catalog.pg_proc|-',
		sub { one_of('pg_index', 'pg_attribute', 'pg_am', 'pg_depend') }),
	simple_type(
		'prop.pair',
		'pair',
		'(1,2001-02-03,a)|(1,2001-03-02,a)|(,,)|(1,,"b,c")|'
		  . q{(,2001-02-03,)|(2,infinity,"it's ""so""")|(1,,"")},
		sub { '(' . between(-9, 9) . ',' . fresh_date() . ',x)' }),);

# A type of many values of which any one is as good as another.
sub listed_type
{
	my ($name, $values, %more) = @_;
	my @values = map { s/\\\|/|/r } split /(?<!\\)\|/, $values, -1;

	return simple_type($name, 'other', $values, sub { one_of(@values) },
		values => \@values, %more);
}

# Types that are keys now and then, most of them by being coercible to others
my @rare = (
	listed_type('macaddr8',
		'08:00:2b:01:02:03:04:05|00:00:00:00:00:00:00:00|ff:ff:ff:ff:ff:ff:ff:ff'
	),
	listed_type('oidvector', '|1|1 2|1 2 3|4294967295'),
	listed_type('tsquery', q{a & b|a \| !b|a <-> b|'it''s':*A|b}),
	listed_type('regproc',
		'2108|2109|2147|1598|4000000000|-|pg_backend_pid', lossy => 1),
	listed_type('regprocedure', '2108|2109|sum(bigint)|abs(integer)|-'),
	listed_type('regoper', '551|552|96|0|4000000000', lossy => 1),
	listed_type('regoperator', '551|552|96|=(text,text)|0'),
	listed_type('regtype', 'integer|timestamptz|"char"|char|-|int4[]'),
	listed_type('regnamespace', 'pg_catalog|prop|public|-'),
	listed_type('regrole', 'pg_monitor|pg_read_all_data|4000000000|-',
		unstored => 1),
	listed_type('regconfig', 'simple|english|-'),
	listed_type('regdictionary', 'simple|english_stem|-'),
	listed_type('regcollation', '"C"|"POSIX"|"default"|-'),
	listed_type('daterange',
		'empty|(,)|[2001-02-03,2001-03-02)|[infinity,)|(,2001-03-02)'),
	listed_type('numrange', 'empty|[1.0,1.00]|[1,1]|(,1e30)|(NaN,)'),
	listed_type('tsrange',
		'empty|["2001-02-03 04:05:06.789012",)|["2001-02-03 04:05:06.789013",)'
	),
	listed_type('tstzmultirange',
		'{}|{[2001-02-03 04:05:06+00,2001-03-02 00:00:00+00)}|{(,)}'),
	listed_type('timestamptz[]',
		'{}|{2001-02-03 04:05:06.789012+00}|{2001-03-02 04:05:06+00,NULL}'),
	listed_type('interval[]', '{1 mon -30 days}|{24:00:00}|{1 day}|{NULL}',
		no_index => 1),
	listed_type('bytea[]', '{"\\\\x00","\\\\xff"}|{}|{"\\\\x"}'),
	listed_type('money[]', '{1.00,-2.50}|{}|{NULL}'),
	listed_type('prop.mood[]', '{sad,ok}|{"so so"}|{NULL}|{}'),
	listed_type('prop.pair[]', '{}|{"(1,2001-02-03,a)"}|{"(,,)",NULL}'),
	listed_type('name[]', '{a,"b c"}|{}|{NULL,"NULL"}'),
	listed_type('prop.few', '{1,2}|{}|{NULL}'));

# Those of contrib, by extension.  They are in the schema public.
my @words_alone = grep { !/\|/ } @words;
my %contrib = (
	seg => [
		listed_type(
			'public.seg',
			join('|', (map { "1.23456$_" } 1 .. 9), '1 .. 2', '<1', '>5',
				'~1.5', '1.5(+-)0.1', '1.0', '1.00'),
			lossy => 1),
		listed_type('public.seg[]', '{1.234561}|{1.234562}|{1 .. 2}|{}',
			lossy => 1)
	],
	cube => [
		listed_type('public.cube',
			'(1,2)|(1),(2)|(0)|()|(0.1,0.30000000000000004),(1,2)|(0.1,0.3),(1,2)'
		)
	],
	isn => [
		listed_type('public.isbn', '0-11-000533-3|9780110005331'),
		listed_type('public.isbn13', '9780110005331|978-0-393-04002-9'),
		listed_type('public.issn', '1436-4522'),
		listed_type('public.ismn', 'M-2306-7118-7'),
		listed_type('public.upc', '012345678905'),
		listed_type('public.ean13', '9780110005331')
	],
	ltree => [ listed_type('public.ltree', '|a|a.b|A.b|a_b|a.b.c|b') ],
	hstore => [
		listed_type('public.hstore',
			'|a=>1|a=>NULL|"a b"=>"c\"d"|a=>"",b=>2|"NULL"=>"null"',
			less => '#<#', greater => '#>#')
	],
	citext => [
		listed_type('public.citext', join('|', @words_alone)),
		listed_type('public.citext', join('|', @words_alone),
			name => 'citext icu', define => 'public.citext COLLATE prop.icu')
	]);

my %by_name =
  map { $_->{name} => $_ } @numbers, @texts, @times, @others, @rare;

# The extensions that have types of keys
sub contrib_types
{
	return sort keys %contrib;
}

# From now on, types of these extensions come up too.
sub use_contrib
{
	push @rare, map { @{ $contrib{$_} } } @_;
	return;
}

sub every_type
{
	return (@numbers, @texts, @times, @others, @rare);
}

# The type that has its turn in the case of that number: each has one in the
# first cases of all, and then every other case.
sub type_for
{
	my ($number) = @_;
	my @all = every_type();

	return undef if $number > @all && $number % 2;
	return $all[ $number % @all ];
}

# A type.  The commonest key types come up most often.
sub random_type
{
	return $by_name{ one_of(qw(int2 int4 int8)) } if chance(25);
	return $by_name{ one_of('text', 'text C', 'text ci', 'timestamptz') }
	  if chance(15);
	return one_of(
		@{
			weighted(
				9 => \@numbers,
				9 => \@texts,
				6 => \@times,
				9 => \@others,
				9 => \@rare)
		});
}

# The type of that name, for the results of expressions.
sub type_named
{
	my ($name) = @_;

	return $by_name{$name} // die "no type named $name";
}

# A value of the type; mostly one of the hard ones.
sub random_value
{
	my ($type) = @_;

	return chance(60) ? one_of(@{ $type->{values} }) : $type->{fresh}->();
}

1;
