# Rounds in, a Markdown table out: median and range per contestant, and the ratio to its reference in the same round.
#
# in: round contestant reference title requests seconds user_ticks system_ticks p50_us p99_us errors busy% foreign% connections
# set: hz (ticks per second), flag (percent of foreign load on the core that is worth a word)
# The middle, and where there is a spread, the ends.
function spread(values, name, n, form, ends,   i, list, middle) {
  for (i = 1; i <= n; i++) list[i] = values[name, i]
  sort(list, n)
  middle = n % 2 ? list[(n + 1) / 2] : (list[n / 2] + list[n / 2 + 1]) / 2
  if (!ends) return sprintf(form, middle)
  return sprintf(form " (" form " - " form ")", middle, list[1], list[n])
}
BEGIN { FS = "\t" }
{
  if (!($2 in rounds)) { order[++contestants] = $2; reference[$2] = $3; title[$2] = $4 }
  i = ++rounds[$2]
  at[$2, $1] = i
  round[$2, i] = $1
  cpu[$2, i] = ($7 + $8) / hz / $5 * 1e6
  user[$2, i] = $7 / hz / $5 * 1e6
  kernel[$2, i] = $8 / hz / $5 * 1e6
  rate[$2, i] = $5 / $6
  p50[$2, i] = $9
  p99[$2, i] = $10
  errors[$2] += $11
  busy[$2, i] = $12
  if ($13 > worst) worst = $13
}
END {
  print "| gateway | CPU per request, us | user | system | of nginx, same round | requests/s | p50, us | p99, us | core used | failed |"
  print "| --- | --: | --: | --: | --: | --: | --: | --: | --: | --: |"
  for (c = 1; c <= contestants; c++) {
    name = order[c]
    n = rounds[name]
    pairs = 0
    for (i = 1; i <= n; i++)
      if ((reference[name], round[name, i]) in at)
        ratio[name, ++pairs] = cpu[name, i] / cpu[reference[name], at[reference[name], round[name, i]]]
    printf "| %s | %s | %s | %s | %s | %s | %s | %s | %s | %d |\n", title[name], spread(cpu, name, n, "%.1f", 1),
      spread(user, name, n, "%.1f"), spread(kernel, name, n, "%.1f"),
      reference[name] == name ? "1" : pairs ? spread(ratio, name, pairs, "%.2f", 1) : "",
      spread(rate, name, n, "%.0f"), spread(p50, name, n, "%.0f"), spread(p99, name, n, "%.0f"),
      spread(busy, name, n, "%.0f %%"), errors[name]
  }
  if (worst > flag)
    printf "\nOther programs used up to %.0f %% of the proxy's core during a round: take small differences for noise.\n", worst
}
