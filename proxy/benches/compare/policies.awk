# The table of policies.sh, of lines `turn route requests nanoseconds failures`.

# The value below which this share of the sorted list is.
function share(list, n, part) { return list[int((n - 1) * part + 0.5) + 1] }

# The mean of the fastest fifth: what disturbs a slice only ever makes it slower.
function fastest(list, n,    i, sum, most) {
  sort(list, n)
  most = int(n / 5) > 0 ? int(n / 5) : 1
  for (i = 1; i <= most; i++) sum += list[i]
  return sum / most
}

# Where the true median lies, by the sign test: the values need not be of any kind, but each turn has to be by itself.
# Beyond these places it lies at most once in twenty times; six turns are the fewest that can say so.
function interval(list, n,    low) {
  low = int((n + 1) / 2 - 0.98 * sqrt(n))
  return low < 1 ? "-" : sprintf("%.2f - %.2f", list[low], list[n + 1 - low])
}

function row(title, list, n, undisturbed, failed,    i, of) {
  for (i = 1; i <= n; i++) of[i] = list[i] / yardstick[i]
  sort(of, n)
  sort(list, n)
  printf "| %s | %.2f | %.2f | %s | %.2f - %.2f | %.2f | %s |\n", title, undisturbed, share(list, n, 0.5), interval(list, n),
    share(list, n, 0.25), share(list, n, 0.75), share(of, n, 0.5), failed
}

$3 == 0 { print "policies: nothing was answered in turn " $1 ", route " $2 >"/dev/stderr"; exit 1 }
{ us[$2, $1] = $4 / $3 / 1000; failed[$2] += $5; if ($1 > turns) turns = $1 }

END {
  print "| CPU per request, us | of the fastest fifth | median of the turns | its 95 % interval | half of the turns | of nginx's, same turn | failed |"
  print "| --- | --: | --: | --: | --: | --: | --: |"
  for (t = 1; t <= turns; t++) {
    yardstick[t] = nginx[t] = of_nginx[t] = us["nginx", t]
    plain[t] = of_plain[t] = us["plain", t]
    with_key[t] = us["key", t]
    with_limit[t] = us["limit", t]
    key[t] = us["key", t] - us["plain", t]
    limit[t] = us["limit", t] - us["key", t]
    both[t] = us["limit", t] - us["plain", t]
  }
  f_nginx = fastest(of_nginx, turns)
  f_plain = fastest(of_plain, turns)
  f_key = fastest(with_key, turns)
  f_limit = fastest(with_limit, turns)
  row("nginx, no policy", nginx, turns, f_nginx, failed["nginx"])
  row("tidegate, no policy", plain, turns, f_plain, failed["plain"])
  row("an API key adds", key, turns, f_key - f_plain, failed["key"])
  row("a rate limit adds to that", limit, turns, f_limit - f_key, failed["limit"])
  row("both together add", both, turns, f_limit - f_plain, failed["limit"])
}
