# What ARC's information provider for HTCondor (Condor.pm) tells of the pool and of one job: arc_facts.pl CONDOR_CONFIG CONTROLDIR JOB
use strict;
use Condor;
my ($settings, $control, $job) = @ARGV;
my $config = {condor_config => $settings, controldir => $control, condor_requirements => 'Memory > 0'};
my %pool = Condor::cluster_info($config);
my %jobs = Condor::jobs_info($config, 'grid', [$job]);
print "$_: $pool{$_}\n" for qw(lrms_version totalcpus usedcpus runningjobs queuedjobs);
print "job: $jobs{$job}{status} $jobs{$job}{reqwalltime} @{$jobs{$job}{nodes}}\n";
