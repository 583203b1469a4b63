
# examples/standby: reads on a hot standby, in one go and page by page.

use strict;
use warnings;

use FindBin qw($RealBin);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use lib "$RealBin/lib";
use Examples;

my $primary = example_node('primary', 10000, allows_streaming => 1);
my $standby = PostgreSQL::Test::Cluster->new('standby');

$primary->backup('base');
$standby->init_from_backup($primary, 'base', has_streaming => 1);
$standby->start;
$primary->safe_psql('postgres', 'DELETE FROM entry WHERE id % 2 = 0');
$primary->wait_for_catchup($standby);

my $said = run_example($standby, psql_file('standby/report.sql'));
my @latest = split /\n/, $primary->safe_psql('postgres',
	'SELECT id FROM entry ORDER BY written DESC, id LIMIT 6');

like($said, qr/on_a_standby \n-+\n t\n/, 'it is a standby');
like($said, qr/^ +5000 \| +5000$/m, 'a walk has all rows');
is_deeply([ $said =~ /^ +(\d+) \| Entry/mg ],
	\@latest, 'two pages have the first six rows');
$standby->stop;
$primary->stop;
done_testing();
