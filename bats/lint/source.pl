#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# Reads C files and prints a line for each place that breaks a rule: CHECK <tab> FILE:LINE: what is wrong.
# bats/lint.sh makes a test of each CHECK. Exceptions stand in bats/lint/allowed.
use strict;
use warnings;

# A folder may use those of a lower rank, and of its own: what commands share is below them, large commands are among them.
my %rank = (
	'state/base' => 0, 'state/format' => 1, 'state/spec' => 2, 'state/cgroup' => 3, 'state/systemd' => 4, state => 5,
	'nsexec/process' => 9, nsexec => 10, 'init/mount' => 15, 'init/seccomp' => 15, 'init/base' => 16, init => 20, 'cmd/wire' => 29, 'cmd/shim' => 30,
	'cmd/line' => 31, 'cmd/attach' => 32, 'cmd/launch' => 33, cmd => 40, 'cmd/criu' => 40, 'cmd/check' => 40, 'cmd/doctor' => 40, 'cmd/explain' => 40);

# Headers that are their folder's own.
my %own = map { $_ => 1 } qw(state/cgroup/cgroup_files.h state/cgroup/cgroup_put.h state/spec/spec_types.h
	init/seccomp/seccomp_cache.h init/seccomp/seccomp_stub.h);

# A file of the form "word <white space> text", as a hash.
sub table {
	my %t;
	open(my $in, '<', "bats/lint/$_[0]") or die "bats/lint/$_[0]: $!";
	while (<$in>) {
		next if /^#/ or !/\S/;
		my ($word, $text) = /^(\S+)\s+(.*?)\s*$/ or die "bats/lint/$_[0]: $_";
		$t{$word} = $text;
	}
	return %t;
}

sub allowed {
	my @rows;
	open(my $in, '<', 'bats/lint/allowed') or die "bats/lint/allowed: $!";
	while (<$in>) {
		next if /^#/ or !/\S/;
		my ($check, $file, $word, $why) = map { s/^\s+|\s+$//gr } split /\|/;
		die "bats/lint/allowed: $_" unless $why;
		$file = quotemeta($file) =~ s/\\\*/.*/gr;
		push @rows, [$check, qr/^$file$/, $word];
	}
	return @rows;
}

my %banned = table('banned');
my %cloexec = table('cloexec');
my @allowed = allowed();
my ($file, $text, @lines);

sub complain {
	my ($check, $at, $what) = @_;
	my $line = substr($text, 0, $at) =~ tr/\n// + 1;
	for (@allowed) {
		my ($c, $f, $word) = @$_;
		return if $c eq $check and $file =~ $f and index($lines[$line - 1], $word) >= 0;
	}
	print "$check\t$file:$line: $what\n";
}

sub blank { $_[0] =~ s/[^\n]/ /gr }

for (@ARGV) {
	$file = $_;
	open(my $in, '<', $file) or die "$file: $!";
	$text = join '', <$in>;
	@lines = split /\n/, $text;
	my ($room) = $file =~ m{^(.+)/};
	my ($layer) = $room =~ m{^([^/]+)};
	my $test = $file =~ m{_(test|fuzz)\.c$|/fuzz\.h$};

	complain('spdx', 0, 'the first line is not /* SPDX-License-Identifier: Apache-2.0 */')
		unless $text =~ m{^/\* SPDX-License-Identifier: Apache-2\.0 \*/\n};

	# Without comments; then without what stands in strings. Both keep every offset.
	my $code = $text =~ s{("(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')|(/\*.*?\*/)}{defined $1 ? $1 : blank($2)}gesr;
	my $bare = $code =~ s{(["'])((?:\\.|(?!\1)[^\\\n])*)\1}{$1 . (' ' x length $2) . $1}ger;

	complain('comments', $-[0], 'a // comment') while $bare =~ m{//}g;

	complain('print', $-[0], "$1 prints and exits") while $code =~ /^[ \t]*#[ \t]*include[ \t]+(<err(?:or)?\.h>)/mg;

	while ($code =~ /^[ \t]*#[ \t]*include[ \t]+"([^"]*)"/mg) {
		my ($at, $header) = ($-[0], $1);
		if ($header !~ m{^([\w/]+)/[\w.-]+$} or !exists $rank{$1}) {
			complain('layers', $at, "\"$header\" is written without its folder") unless $header eq 'cJSON.h';
		} elsif ($rank{$1} > $rank{$room}) {
			complain('layers', $at, "$room/ must not know of $header");
		} elsif ($own{$header} and $header !~ m{^\Q$room/\E[^/]+$} and $file !~ /_test\.c$/) {
			complain('layers', $at, "$header is of $1/ alone");
		}
	}

	if ($file ne 'state/base/sys.h') {
		my $guard = $file =~ /\.h$/ && $bare =~ /^\s*#[ \t]*ifndef[ \t]+(\w+)\n#[ \t]*define[ \t]+\1\n/ ? 1 : 0;
		while ($bare =~ /^[ \t]*#[ \t]*(if\w*|elif)\b.*/mg) {
			complain('ifdef', $-[0], 'conditional compilation outside state/base/sys.h') unless $guard-- > 0;
		}
	}

	while ($bare =~ /(?<![\w.>])(\w+)\s*(\((?:[^()]++|(?2))*+\))/g) {
		my ($at, $name, $args) = ($-[1], $1, substr($code, $-[2], $+[2] - $-[2]));
		pos($bare) = $-[2] + 1;
		# A declaration is not a call.
		next if substr($bare, 0, $at) =~ /(?:^|\n)(?:static |extern |const )*[\w ]+[ *]\z/
			and substr($bare, 0, $at) !~ /\breturn\s\z/;
		complain('banned', $at, "$name: use $banned{$name}") if exists $banned{$name};
		complain('cloexec', $at, "$name without $cloexec{$name}")
			if exists $cloexec{$name} and $args !~ /$cloexec{$name}/;
		complain('fork', $at, "$name outside nsexec/")
			if $name =~ /^(fork|vfork|_Fork|clone|clone3|sys_clone3|daemon|posix_spawnp?)$/
			and $layer ne 'nsexec' and !$test;
		complain('print', $at, "$name below cmd/")
			if $name =~ /^(v?printf|puts|putchar|perror|exit|quick_exit)$/
			and $layer ne 'cmd' and !$test;
	}
	while ($bare =~ /\b(F_DUPFD|stdout|stderr|SYS_(?:fork|vfork|clone3?)|__NR_(?:fork|vfork|clone3?))\b/g) {
		my ($at, $word) = ($-[0], $1);
		if ($word eq 'F_DUPFD') {
			complain('cloexec', $at, 'use F_DUPFD_CLOEXEC');
		} elsif ($word =~ /^std/) {
			complain('print', $at, "$word below cmd/") unless $layer eq 'cmd' or $test;
		} else {
			complain('fork', $at, "$word outside nsexec/") unless $layer eq 'nsexec' or $test;
		}
	}
}
