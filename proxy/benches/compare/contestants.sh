# shellcheck shell=bash disable=SC2154,SC2016,SC2094 # sourced by compare.sh and pgo.sh, which set root, here, dir, binary and the cores
# Who takes part: how each is configured, started, found ready, and stopped.

PATH=$PATH:/usr/sbin # nginx and haproxy, for those who are not root
body='{"items":[{"id":1,"name":"anchor"},{"id":2,"name":"buoy"},{"id":3,"name":"chart"}],"total":3,"n":0}'

# Under the name of the script that sources this.
say() { echo "$(basename "$0" .sh): $*" >&2; }
die() { say "$@"; exit 1; }

# The first port from here on that nobody listens on.
free_port() {
  local port=$1
  while cat /proc/net/tcp* | awk -v port="$(printf ':%04X$' "$port")" '$2 ~ port && $4 == "0A" { taken = 1 } END { exit !taken }'; do
    port=$((port + 1))
  done
  echo "$port"
}
origin_port=$(free_port 18080)
gateway_port=$(free_port $((origin_port + 1)))

# The processors this shell may use, one per line.
allowed_cores() {
  awk '/^Cpus_allowed_list/ { n = split($2, part, ","); for (i = 1; i <= n; i++) { m = split(part[i], end, "-"); for (c = end[1]; c <= end[m]; c++) print c } }' /proc/self/status
}

# One for the gateway, one for everything else.
take_two_cores() {
  local cores
  mapfile -t cores < <(allowed_cores)
  [ "${#cores[@]}" -ge 2 ] || die "two cores are needed: one for the gateway, one for everything else"
  gateway_core=${cores[0]} load_core=${cores[1]}
}

program() { case $1 in tidegate*) echo "$binary" ;; *) echo "${1%%-*}" ;; esac; }
is_here() {
  command -v "$(program "$1")" >/dev/null || return
  case $1 in
    *-websocket) [ -x "$rig" ] ;;
    *-grpc) command -v h2load nghttpd nghttp >/dev/null ;;
  esac
}

# What a contestant's ratio is taken against: nginx doing the same.
reference() {
  case $1 in
    *-log) echo nginx-log ;;
    *-key) echo nginx-key ;;
    *-limit) echo nginx-limit ;;
    *-websocket) echo nginx-websocket ;;
    *-grpc) echo nginx-grpc ;;
    *) echo nginx ;;
  esac
}

title() {
  local what
  case $1 in
    *-again) what=', a second time: the noise of this table' ;;
    *-log) what=', access log to a file' ;;
    *-key) what=', API key' ;;
    *-limit) what=', API key and rate limit' ;;
    *-websocket) what=', a WebSocket message and its echo' ;;
    *-grpc) what=', a unary gRPC call (HTTP/2 on both sides)' ;;
    *) what=', plain proxying' ;;
  esac
  echo "${1%%-*}$what"
}

fill() { # fill TEMPLATE KEY=VALUE...
  local text pair
  text=$(cat "$here/compare/$1")
  shift
  for pair in "$@" "DIR=$dir" "ROOT=$root" "ORIGIN=$origin_port" "PORT=$gateway_port"; do text=${text//@${pair%%=*}@/${pair#*=}}; done
  printf '%s\n' "$text"
}

nginx_config() {
  local log=off key='' limit='' http2='' forward='proxy_pass http://origin; proxy_set_header Connection "";'
  case $1 in *-log) log="$dir/access.log combined buffer=64k flush=1s" ;; esac
  case $1 in *-key | *-limit) key='if ($consumer = "") { return 401; } proxy_set_header X-Consumer-Name $consumer; proxy_set_header apikey "";' ;; esac
  case $1 in *-limit) limit='limit_req zone=consumers burst=1000000 nodelay;' ;; esac
  case $1 in
    *-websocket) forward='proxy_pass http://origin; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade;' ;;
    *-grpc) http2=' http2' forward='grpc_pass grpc://origin;' ;;
  esac
  fill nginx.conf "NAME=$1" "LOG=$log" "KEY=$key" "LIMIT=$limit" "HTTP2=$http2" "FORWARD=$forward" "ORIGIN=$(origin_of "$1")"
}

tidegate_config() {
  local log='format = "off"' policies='' templates=(tidegate.toml) protocol=http/1.1 check=http template
  case $1 in *-log) log="format = \"text\""$'\n'"target = \"$dir/access.log\"" ;; esac
  case $1 in
    *-key) policies='"keys"' templates+=(policies.toml) ;;
    *-limit) policies='"keys", "limit"' templates+=(policies.toml) ;;
    *-calls) policies='"id", "addresses", "security", "origins"' templates+=(training.toml) ;;
    *-grpc) protocol=http/2 check=tcp ;;
    *-websocket) check=tcp ;;
  esac
  for template in "${templates[@]}"; do
    fill "$template" "LOG=$log" "POLICIES=$policies" "PROTOCOL=$protocol" "CHECK=$check" "ORIGIN=$(origin_of "$1")"
  done
}

# Starts a contestant on its core, below an optional wrapper command; leaves its process in $gateway, its port in $port.
start() { # start NAME [WRAPPER...]
  local name=$1
  shift
  port=$gateway_port
  case $name in
    nginx*)
      nginx_config "$name" >"$dir/$name.conf"
      taskset -c "$gateway_core" "$@" nginx -p "$dir" -e "$dir/$name.err" -c "$dir/$name.conf" ${1:+-g 'master_process off;'} 2>>"$dir/$name.err" &
      ;;
    haproxy*)
      fill haproxy.cfg >"$dir/haproxy.cfg"
      taskset -c "$gateway_core" "$@" haproxy -db -q -f "$dir/haproxy.cfg" 2>>"$dir/haproxy.err" &
      ;;
    tidegate*)
      tidegate_config "$name" >"$dir/$name.toml"
      : >"$dir/$name.ready"
      taskset -c "$gateway_core" "$@" "$binary" run -c "$dir/$name.toml" --ready-json >"$dir/$name.ready" 2>>"$dir/$name.err" &
      ;;
  esac
  gateway=$!
  await "$name"
}

# Until it answers: tidegate says so itself, the others are asked.
await() {
  local name=$1 deadline=$((SECONDS + 60))
  until
    case $name in
      tidegate*) grep -q '"ready":true' "$dir/$name.ready" && port=$(sed -n '/"listener":"http"/s/.*"address":"[^"]*:\([0-9]*\)".*/\1/p' "$dir/$name.ready") ;;
      *) (: <"/dev/tcp/127.0.0.1/$port") 2>/dev/null ;;
    esac
  do
    if ! kill -0 "$gateway" 2>/dev/null || ((SECONDS > deadline)); then
      tail -5 "$dir/$name.err" >&2
      die "$name does not come up"
    fi
    sleep 0.02
  done
}

stop_process() {
  [ -n "${1:-}" ] || return 0
  kill -TERM "$1" 2>/dev/null || return 0
  # A graceful stop may wait for connections that nobody uses any more.
  for _ in {1..100}; do kill -0 "$1" 2>/dev/null || break; sleep 0.05; done
  kill -KILL "$1" 2>/dev/null || true
  wait "$1" 2>/dev/null || true
}

stop_all() {
  stop_process "${gateway:-}"
  stop_process "${origin:-}"
  stop_process "${websocket_origin:-}"
  stop_process "${grpc_origin:-}"
}

# The port of who answers behind a contestant.
origin_of() {
  case $1 in
    *-websocket) echo "$websocket_port" ;;
    *-grpc) echo "$grpc_port" ;;
    *) echo "$origin_port" ;;
  esac
}

start_websocket_origin() {
  websocket_port=$(free_port $((gateway_port + 1)))
  taskset -c "$load_core" "$rig" websocket-origin --listen "127.0.0.1:$websocket_port" 2>>"$dir/websocket-origin.err" &
  websocket_origin=$!
}

# Answers every call with its own message, and a trailer that says that all is well.
start_grpc_origin() {
  grpc_port=$(free_port $((gateway_port + 100)))
  printf '\0\0\0\0\040{"price":10,"item":"anchor-012"}' >"$dir/message"
  taskset -c "$load_core" nghttpd --no-tls --echo-upload --trailer 'grpc-status: 0' -d "$dir" "$grpc_port" >>"$dir/grpc-origin.err" 2>&1 &
  grpc_origin=$!
}

start_origin() {
  mkdir -p "$dir/files"
  fill origin.conf >"$dir/origin.conf"
  taskset -c "$load_core" nginx -p "$dir" -e "$dir/origin.err" -c "$dir/origin.conf" 2>>"$dir/origin.err" &
  origin=$!
  until (: <"/dev/tcp/127.0.0.1/$origin_port") 2>/dev/null; do
    kill -0 $origin 2>/dev/null || { cat "$dir/origin.err" >&2; die "the origin does not come up on port $origin_port"; }
    sleep 0.02
  done
}

# One answer, whole, to a request with these further header lines, for $host where that is set.
ask() { # ask PORT [LINE...]
  local port=$1
  shift
  exec 9<>"/dev/tcp/127.0.0.1/$port"
  { printf 'GET /items HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n' "${host:-bench.example}"; [ $# = 0 ] || printf '%s\r\n' "$@"; printf '\r\n'; } >&9
  cat <&9
  exec 9>&- 9<&-
}

# Refuses to measure what does not do its work.
check() { # check NAME
  local answer
  case $1 in
    *-websocket)
      # The load itself looks at every message.
      read -r -a answer < <(load "$1" 0.1)
      ((answer[0] > 0 && answer[4] == 0)) || die "$1 does not carry messages"
      return
      ;;
    *-grpc)
      answer=$(nghttp -v -d "$dir/message" -H 'content-type: application/grpc' -H 'te: trailers' "http://127.0.0.1:$port/shop.Items/List" 2>&1 | tr -d "\0")
      [[ $answer == *':status: 200'* && $answer == *'grpc-status: 0'* && $answer == *anchor-012* ]] || die "$1 gives a wrong answer: $answer"
      return
      ;;
  esac
  answer=$(ask "$port" 'apikey: bench-key-alice')
  [[ $answer == 'HTTP/1.1 200'* && $answer == *"$body"* ]] || die "$1 gives a wrong answer: $answer"
  case $1 in
    *-key | *-limit)
      answer=$(ask "$port")
      [[ $answer == 'HTTP/1.1 401'* ]] || die "$1 lets a request without a key through: $answer"
      ;;
  esac
}
