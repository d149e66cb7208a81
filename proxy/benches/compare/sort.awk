# For the tables: few values, in place.
function sort(list, n,   i, j, kept) {
  for (i = 2; i <= n; i++) {
    kept = list[i]
    for (j = i - 1; j > 0 && list[j] > kept; j--) list[j + 1] = list[j]
    list[j + 1] = kept
  }
}
