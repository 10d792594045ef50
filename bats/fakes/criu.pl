#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# criu swrk FD, for tests of what hull asks it for. What it is asked for goes to the file $FAKE_CRIU_LOG, a field a
# line: "2.13: /path" is field 13 of field 2. $FAKE_CRIU_DO: words to be said, in turn, as notifications before the
# answer; "die": no answer; "garbage": none that could be read; "no": a refusal.
use strict;
use warnings;

die "criu swrk FD\n" unless @ARGV == 2 && $ARGV[0] eq "swrk";
open(my $sock, "+<&=", $ARGV[1]) or die "socket $ARGV[1]: $!\n";
my @todo = split ' ', $ENV{FAKE_CRIU_DO} // "";
my $version = $ENV{FAKE_CRIU_VERSION} // 40101;

sub varint { my $v = shift; my $s = ""; while ($v > 127) { $s .= chr($v & 127 | 128); $v >>= 7 } $s . chr($v) }
sub number { varint($_[0] << 3) . varint($_[1]) }
sub bytes { varint($_[0] << 3 | 2) . varint(length $_[1]) . $_[1] }
sub answer { defined syswrite($sock, join "", @_) or exit 1 }

# Messages inside: criu_opts, features, and in the first what is known to be one.
my %inside = map { $_ => 1 } qw(2 5 2.11 2.23 2.25 2.27 2.39);

sub take_varint {
	my ($v, $shift) = (0, 0);
	while (1) {
		my $c = ord substr $_[0], 0, 1, "";
		$v |= ($c & 127) << $shift;
		return $v if $c < 128;
		$shift += 7;
	}
}

sub show {
	my ($out, $prefix, $m) = @_;
	while (length $m) {
		my $key = take_varint($m);
		my $name = $prefix . ($key >> 3);
		if (($key & 7) == 0) {
			print $out "$name: ", take_varint($m), "\n";
			next;
		}
		my $n = take_varint($m);
		my $value = substr $m, 0, $n, "";
		if ($inside{$name}) {
			show($out, "$name.", $value);
		} else {
			print $out "$name: $value\n";
		}
	}
}

while (sysread $sock, my $m, 65536) {
	open(my $log, ">>", $ENV{FAKE_CRIU_LOG} // "/dev/null") or die;
	show($log, "", $m);
	close $log;
	my $type = ord substr $m, 1, 1;
	if ($type == 10) {
		my $v = number(1, int($version / 10000)) . number(2, $version / 100 % 100) . number(4, $version % 100);
		answer(number(1, 10), number(2, 1), bytes(10, $v));
		next;
	}
	if ($type == 9) {
		answer(number(1, 9), number(2, 1), bytes(8, $ENV{FAKE_CRIU_FEATURES} ? number(1, 1) . number(2, 1) : ""));
		next;
	}
	my $next = shift @todo // "yes";
	exit 3 if $next eq "die";
	if ($next eq "garbage") {
		answer("\x0a\xff\xff");
	} elsif ($next eq "no") {
		answer(number(1, $type == 6 ? 1 : $type), number(2, 0), number(7, 12), bytes(9, "out of paper\nand ink"));
	} elsif ($next eq "yes") {
		answer(number(1, $ENV{FAKE_CRIU_TYPE} // 1), number(2, 1));
	} else {
		answer(number(1, 6), number(2, 1), bytes(5, bytes(1, $next) . number(2, $$)));
	}
}
