# shellcheck shell=bash disable=SC2154,SC2034 # sourced by faults.sh, which sets here, dir, binary, rig and the ports
# What happens to the endpoints a, b and c while a client asks, and the gateways it happens behind.

scenarios=(nothing refused killed hung slow resetting half long short garbage rolling flapping network)

what_happens() {
  case $1 in
    nothing) echo 'nothing' ;;
    refused) echo 'one is not there from the start' ;;
    killed) echo 'one is killed (-9), and started 6 s later' ;;
    hung) echo 'one is stopped (SIGSTOP) for 6 s' ;;
    slow) echo 'one is ten times slower for 6 s' ;;
    resetting) echo 'one executes and resets for 6 s' ;;
    half) echo 'one sends half of each answer for 6 s' ;;
    long) echo 'one sends more than its Content-Length for 6 s' ;;
    short) echo 'one sends less than its Content-Length, then nothing, for 6 s' ;;
    garbage) echo 'one answers garbage for 6 s' ;;
    rolling) echo 'all three are restarted (SIGTERM), one after the other' ;;
    flapping) echo 'one is killed (-9) and started six times, once a second' ;;
    network) echo "20 ms of delay each way and 2 % loss for 6 s, by $([ -n "${network:-}" ] && echo netem || echo 'endpoints that imitate it')" ;;
  esac
}

# strike SCENARIO: takes six seconds or less.
strike() {
  case $1 in
    killed) kill_endpoint b ;;
    hung) kill -STOP "${endpoint[b]}" ;;
    slow) echo slow >"$dir/b.mode" ;;
    resetting) echo reset >"$dir/b.mode" ;;
    half | long | short | garbage) echo "$1" >"$dir/b.mode" ;;
    rolling) roll ;;
    flapping) flap ;;
    network) worsen ;;
  esac
}

heal() {
  case $1 in
    killed) start_endpoint b ;;
    hung) kill -CONT "${endpoint[b]}" ;;
    slow | resetting | half | long | short | garbage) echo usual >"$dir/b.mode" ;;
    network) mend ;;
  esac
}

roll() {
  local name
  for name in a b c; do
    kill -TERM "${endpoint[$name]}"
    wait "${endpoint[$name]}" || true
    sleep 0.3
    start_endpoint $name
    sleep 1.2
  done
}

flap() {
  for _ in {1..6}; do
    kill_endpoint b
    sleep 0.5
    start_endpoint b
    sleep 0.4
  done
}

# Endpoints behind a network that can be made bad, where this machine allows that; else they behave as if.
open_network() {
  local made=tidegate-faults-$$
  network=''
  {
    ip netns add "$made" && ip link add "$link" type veth peer name inside netns "$made" &&
      ip addr add 10.213.77.1/30 dev "$link" && ip link set "$link" up &&
      ip -n "$made" addr add 10.213.77.2/30 dev inside && ip -n "$made" link set inside up &&
      tc qdisc add dev "$link" root netem delay 1ms && tc qdisc del dev "$link" root
  } 2>"$dir/network.err" && network=$made && return
  ip netns del "$made" 2>/dev/null || true
  say "*** NO NETEM HERE ($(tail -1 "$dir/network.err")): endpoints imitate delay and loss, packets are not lost"
}

close_network() {
  [ -z "${network:-}" ] || ip netns del "$network"
  network=''
}

worsen() {
  local name
  if [ -n "$network" ]; then
    tc qdisc add dev "$link" root netem delay 20ms 5ms loss 2%
    ip netns exec "$network" tc qdisc add dev inside root netem delay 20ms 5ms loss 2%
  else
    for name in a b c; do echo far >"$dir/$name.mode"; done
  fi
}

mend() {
  local name
  if [ -n "$network" ]; then
    tc qdisc del dev "$link" root
    ip netns exec "$network" tc qdisc del dev inside root
  else
    for name in a b c; do echo usual >"$dir/$name.mode"; done
  fi
}

start_endpoint() { # start_endpoint NAME
  local place=()
  [ -z "${network:-}" ] || place=(ip netns exec "$network")
  "${place[@]}" "$rig" endpoint --listen "${address[$1]}" --mode "$dir/$1.mode" --executed "$dir/$1.executed" 2>>"$dir/$1.err" &
  endpoint[$1]=$!
}

kill_endpoint() {
  kill -KILL "${endpoint[$1]}" 2>/dev/null || true
  wait "${endpoint[$1]}" 2>/dev/null || true
}

start_endpoints() {
  local host=127.0.0.1 name
  [ -z "${network:-}" ] || host=10.213.77.2
  for name in a b c; do
    address[$name]=$host:${endpoint_port[$name]}
    : >"$dir/$name.executed"
    echo usual >"$dir/$name.mode"
    start_endpoint $name
    until (: <"/dev/tcp/${address[$name]/://}") 2>/dev/null; do
      kill -0 "${endpoint[$name]}" 2>/dev/null || { cat "$dir/$name.err" >&2; die "endpoint $name does not come up"; }
      sleep 0.02
    done
  done
}

stop_endpoints() {
  local name
  for name in "${!endpoint[@]}"; do kill_endpoint "$name"; done
  endpoint=()
}

# The balancer that each has by default, or the one that looks at what is under way.
balancer() {
  case $1 in
    nginx) ;;
    nginx-least) echo 'least_conn;' ;;
    haproxy) echo roundrobin ;;
    haproxy-least) echo leastconn ;;
    tidegate) echo round-robin ;;
    tidegate-least) echo peak-ewma ;;
    *) die "no such gateway: $1" ;;
  esac
}

start_gateway() { # start_gateway NAME: leaves its process in $gateway, its port in $port
  local places=("NAME=$1" "BALANCER=$(balancer "$1")" "A=${address[a]}" "B=${address[b]}" "C=${address[c]}")
  port=$gateway_port
  case $1 in
    nginx*)
      fill ../faults/nginx.conf "${places[@]}" >"$dir/$1.conf"
      nginx -p "$dir" -e "$dir/$1.err" -c "$dir/$1.conf" 2>>"$dir/$1.err" &
      ;;
    haproxy*)
      fill ../faults/haproxy.cfg "${places[@]}" >"$dir/$1.cfg"
      haproxy -db -q -f "$dir/$1.cfg" 2>>"$dir/$1.err" &
      ;;
    tidegate*)
      fill ../faults/tidegate.toml "${places[@]}" >"$dir/$1.toml"
      : >"$dir/$1.ready"
      "$binary" run -c "$dir/$1.toml" --ready-json >"$dir/$1.ready" 2>>"$dir/$1.err" &
      ;;
  esac
  gateway=$!
  await "$1"
}
