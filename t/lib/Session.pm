
=pod

=head1 NAME

Session - a psql session that stays open, and the memory of its backend

=head1 SYNOPSIS

  my $session = Session->new($node);
  print $session->query('SELECT 1');     # waits for the answer
  $session->start('SELECT pg_sleep(9)'); # does not
  my $peak = $session->peak;             # waits; the most memory meanwhile
  print $session->answer;
  $session->close;

=head1 DESCRIPTION

The memory of a backend is the anonymous memory that is resident (RssAnon),
which leaves out shared buffers, in kB.  It is read from outside while a query
runs, so that what is given back in the end is seen as well.

=cut

package Session;

use strict;
use warnings;

use IPC::Run;
use PostgreSQL::Test::Utils;
use Time::HiRes qw(usleep);

# Does this system say how much anonymous memory a process has?
sub measures_memory
{
	return defined _rss_anon('self');
}

# A session of its own in a database of the node.
sub new
{
	my ($class, $node, %options) = @_;
	my $self = bless { in => '', out => '', err => '', questions => 0 },
	  $class;

	$self->{timer} =
	  IPC::Run::timer($PostgreSQL::Test::Utils::timeout_default // 180);
	$self->{psql} = IPC::Run::start(
		[
			'psql', '-XAtq', '-v', 'VERBOSITY=verbose', '-f', '-', '-d',
			$node->connstr($options{dbname} // 'postgres')
		],
		'<',
		\$self->{in},
		'>',
		\$self->{out},
		'2>',
		\$self->{err},
		$self->{timer});
	$self->{pid} = $self->query('SELECT pg_backend_pid()');
	return $self;
}

# Process id of the backend
sub pid
{
	my ($self) = @_;
	return $self->{pid};
}

# Send SQL without waiting for its end.
sub start
{
	my ($self, $sql) = @_;

	$self->{questions}++;
	$self->{out} = $self->{err} = '';
	$self->{timer}->start;
	$self->{in} .=
	  "$sql\n;\n\\echo end $self->{questions}\n\\warn end $self->{questions}\n";
	$self->{psql}->pump_nb;
	return;
}

# Has the SQL ended?  An end of psql itself is one too.
sub ended
{
	my ($self) = @_;
	my $end = "end $self->{questions}\n";

	return 1 if $self->{out} =~ /^$end/m && $self->{err} =~ /^$end/m;
	return 1 unless $self->{psql}->pumpable;
	$self->{psql}->pump_nb;
	return 0;
}

# Wait for the end and return the output.
sub answer
{
	my ($self) = @_;

	usleep(2_000) until $self->ended;
	$self->{err} =~ s/^end \d+\n//m;
	$self->{out} =~ s/^end \d+\n//m;
	$self->{out} =~ s/\n\z//;
	return $self->{out};
}

# Send SQL and return its output; die if it fails.
sub query
{
	my ($self, $sql) = @_;

	$self->start($sql);
	my $out = $self->answer;
	die "$sql: $self->{err}"
	  if $self->{err} =~ /(ERROR|FATAL|PANIC|server closed)/;
	return $out;
}

# Send SQL and return what was reported: errors, warnings, notices.
sub reports
{
	my ($self, $sql) = @_;

	$self->start($sql);
	$self->answer;
	return $self->{err};
}

# What was reported by the SQL that was started last
sub reported
{
	my ($self) = @_;
	return $self->{err};
}

# Memory of the backend now
sub memory
{
	my ($self) = @_;
	return _rss_anon($self->{pid});
}

# The most memory that the backend has until the SQL ends, or until now
sub peak
{
	my ($self) = @_;
	my $peak = $self->memory // 0;

	until ($self->ended)
	{
		my $memory = $self->memory // 0;
		$peak = $memory if $memory > $peak;
		usleep(5_000);
	}
	return $peak;
}

# End psql as a client that crashes would
sub kill
{
	my ($self) = @_;

	$self->{psql}->kill_kill(grace => 0);
	return;
}

sub close
{
	my ($self) = @_;

	if ($self->{psql}->pumpable)
	{
		$self->{in} .= "\\q\n";
		$self->{psql}->finish;
	}
	else
	{
		$self->{psql}->kill_kill;
	}
	return;
}

sub _rss_anon
{
	my ($pid) = @_;

	open my $status, '<', "/proc/$pid/status" or return undef;
	while (my $line = <$status>)
	{
		return $1 if $line =~ /^RssAnon:\s+(\d+) kB/;
	}
	return undef;
}

1;
