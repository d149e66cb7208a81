//! A small DNS server over UDP: answers from a table that a test may change, and counts what it is asked.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use hickory_resolver::Name;
use hickory_resolver::proto::op::{Message, MessageType, ResponseCode};
use hickory_resolver::proto::rr::rdata::{A, AAAA, SRV};
use hickory_resolver::proto::rr::{RData, Record, RecordType};
use parking_lot::Mutex;
use tokio::net::UdpSocket;
use tokio::task::AbortHandle;

/// What a name has; a name that is not there does not exist.
#[derive(Clone, Debug)]
enum Zone {
    Records(u32, Vec<RData>),
    Failing,
    Silent,
}

#[derive(Debug, Default)]
struct Table {
    names: HashMap<String, Zone>,
    asked: HashMap<String, usize>,
}

/// A DNS server; it is gone when dropped.
pub(crate) struct DnsServer {
    address: SocketAddr,
    table: Arc<Mutex<Table>>,
    serving: AbortHandle,
}

impl DnsServer {
    pub(crate) async fn start() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a free port");
        let address = socket.local_addr().expect("the address of a bound socket");
        let table = Arc::<Mutex<Table>>::default();
        let serving = tokio::spawn(serve(socket, Arc::clone(&table))).abort_handle();
        Self { address, table, serving }
    }

    /// `[dns]` of a gateway that asks this server.
    pub(crate) fn section(&self) -> String {
        format!("[dns]\nnameservers = [\"{}\"]\nmin_ttl = \"100ms\"\ntimeout = \"500ms\"\n", self.address)
    }

    /// The name has these addresses from now on, each good for a second.
    pub(crate) fn set(&self, name: &str, addresses: &[&str]) {
        self.set_for(name, 1, addresses);
    }

    /// The same, good for so many seconds.
    pub(crate) fn set_for(&self, name: &str, ttl: u32, addresses: &[&str]) {
        let record = |address: &&str| match address.parse().expect("an address") {
            IpAddr::V4(address) => RData::A(A(address)),
            IpAddr::V6(address) => RData::AAAA(AAAA(address)),
        };
        self.put(name, Zone::Records(ttl, addresses.iter().map(record).collect()));
    }

    /// The service has these hosts from now on: priority, weight, port and name.
    pub(crate) fn set_service(&self, name: &str, hosts: &[(u16, u16, u16, &str)]) {
        let record = |(priority, weight, port, host): &(u16, u16, u16, &str)| {
            RData::SRV(SRV::new(*priority, *weight, *port, Name::from_ascii(host).expect("a name")))
        };
        self.put(name, Zone::Records(1, hosts.iter().map(record).collect()));
    }

    /// The name does not exist from now on.
    pub(crate) fn forget(&self, name: &str) {
        self.table.lock().names.remove(name);
    }

    /// Questions for the name fail from now on.
    pub(crate) fn fail(&self, name: &str) {
        self.put(name, Zone::Failing);
    }

    /// Questions for the name are not answered from now on.
    pub(crate) fn silence(&self, name: &str) {
        self.put(name, Zone::Silent);
    }

    /// How often the name was asked for, whatever kind of record.
    pub(crate) fn asked(&self, name: &str) -> usize {
        self.table.lock().asked.get(name).copied().unwrap_or(0)
    }

    fn put(&self, name: &str, zone: Zone) {
        self.table.lock().names.insert(name.to_owned(), zone);
    }
}

impl Drop for DnsServer {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn serve(socket: UdpSocket, table: Arc<Mutex<Table>>) {
    let mut buffer = vec![0; 4096];
    while let Ok((length, from)) = socket.recv_from(&mut buffer).await {
        let Ok(question) = Message::from_vec(&buffer[..length]) else { continue };
        let Some(answer) = answer(&question, &mut table.lock()) else { continue };
        let _ = socket.send_to(&answer.to_vec().expect("an answer can be written"), from).await;
    }
}

fn answer(question: &Message, table: &mut Table) -> Option<Message> {
    let query = question.queries().first()?.clone();
    let name = query.name().to_ascii().trim_end_matches('.').to_ascii_lowercase();
    *table.asked.entry(name.clone()).or_default() += 1;
    let mut answer = Message::new();
    answer.set_id(question.id()).set_message_type(MessageType::Response).set_recursion_available(true);
    answer.set_recursion_desired(question.recursion_desired()).set_authoritative(true);
    match table.names.get(&name) {
        None => drop(answer.set_response_code(ResponseCode::NXDomain)),
        Some(Zone::Failing) => drop(answer.set_response_code(ResponseCode::ServFail)),
        Some(Zone::Silent) => return None,
        Some(Zone::Records(ttl, records)) => {
            let wanted = records.iter().filter(|record| kind(record) == query.query_type());
            let records: Vec<_> =
                wanted.map(|data| Record::from_rdata(query.name().clone(), *ttl, data.clone())).collect();
            answer.add_answers(records);
        }
    }
    answer.add_query(query);
    Some(answer)
}

fn kind(record: &RData) -> RecordType {
    record.record_type()
}
