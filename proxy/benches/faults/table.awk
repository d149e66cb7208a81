# Scenarios in, a Markdown table out.
#
# in: what gateway sent failed_gets failed_posts kinds duplicates lies noticed broken harm closed p50_ms p99_ms longest_ms
BEGIN {
  FS = "\t"
  print "| what happens | gateway | sent | failed GETs | failed POSTs | how | POSTs twice | POSTs lost | over 100 ms | over 1 s | harm lasted, s | closed | p50, ms | p99, ms | longest, ms |"
  print "| --- | --- | --: | --: | --: | --- | --: | --: | --: | --: | --: | --: | --: | --: | --: |"
}
{
  what = $1 == before ? "" : $1
  before = $1
  printf "| %s", what
  for (i = 2; i <= NF; i++) printf " | %s", $i
  print " |"
}
