//! Contract 0.1's `http`: reads of the message that the call under way is about.

use std::net::IpAddr;

use wasmtime::Result;
use wasmtime::component::Resource;

use super::bindings::http::{self, ClientCertificate, Field, Host, HostRequest, HostResponse, TlsFacts};
use super::bindings::types::{self, IpAddress};
use crate::plugin::decisions::question::Question;
use crate::plugin::instance::HostState;
use crate::plugin::view::{Ambiguity, RequestHandle, ResponseHandle, request, response, sole};

type Request = Resource<RequestHandle>;
type Response = Resource<ResponseHandle>;

impl types::Host for HostState {}
impl Host for HostState {}

impl HostRequest for HostState {
    fn method(&mut self, _: Request) -> Result<String> {
        request(|| Some(Question::Method), |request| request.method().to_owned())
    }

    fn scheme(&mut self, _: Request) -> Result<String> {
        request(|| Some(Question::Scheme), |request| request.scheme().to_owned())
    }

    fn authority(&mut self, _: Request) -> Result<String> {
        request(|| Some(Question::Authority), |request| request.authority().to_owned())
    }

    fn path(&mut self, _: Request) -> Result<String> {
        request(|| Some(Question::Path), |request| request.path().to_owned())
    }

    fn query(&mut self, _: Request) -> Result<Option<String>> {
        request(|| Some(Question::Query), |request| request.query().map(str::to_owned))
    }

    fn header(&mut self, _: Request, name: String) -> Result<Option<Vec<u8>>> {
        request(|| Some(Question::Header(name.as_str().into())), |request| request.header(&name).map(<[u8]>::to_vec))
    }

    fn sole_header(&mut self, _: Request, name: String) -> Result<std::result::Result<Vec<u8>, http::Ambiguity>> {
        let question = || Some(Question::HeaderValues(name.as_str().into()));
        request(question, |request| {
            let value = sole(|see| request.header_values(&name, see)).map(<[u8]>::to_vec);
            value.map_err(http::Ambiguity::from)
        })
    }

    fn header_values(&mut self, _: Request, name: String) -> Result<Vec<Vec<u8>>> {
        let question = || Some(Question::HeaderValues(name.as_str().into()));
        request(question, |request| collect_values(|see| request.header_values(&name, see)))
    }

    fn headers(&mut self, _: Request) -> Result<Vec<Field>> {
        request(|| None, |request| collect_fields(|see| request.each_header(see)))
    }

    fn client_address(&mut self, _: Request) -> Result<IpAddress> {
        request(|| Some(Question::ClientAddress), |request| request.client_address().to_canonical().into())
    }

    fn tls(&mut self, _: Request) -> Result<Option<TlsFacts>> {
        request(
            || Some(Question::Tls),
            |request| {
                let facts = request.tls()?;
                Some(TlsFacts {
                    version: facts.version.to_owned(),
                    cipher: facts.cipher.as_ref().to_owned(),
                    server_name: facts.server_name.as_deref().map(str::to_owned),
                })
            },
        )
    }

    fn client_certificate(&mut self, _: Request) -> Result<Option<ClientCertificate>> {
        request(
            || Some(Question::Tls),
            |request| {
                let certificate = request.tls()?.client_certificate.as_ref()?;
                Some(ClientCertificate {
                    sha256: certificate.sha256.to_vec(),
                    common_name: certificate.common_name.as_deref().map(str::to_owned),
                    dns_names: certificate.dns_names.iter().map(|name| (**name).to_owned()).collect(),
                })
            },
        )
    }

    fn request_id(&mut self, _: Request) -> Result<String> {
        request(|| None, |request| request.request_id().to_owned())
    }

    fn route(&mut self, _: Request) -> Result<String> {
        request(|| Some(Question::Route), |request| request.route().to_owned())
    }

    fn consumer(&mut self, _: Request) -> Result<Option<u64>> {
        request(|| Some(Question::Consumer), |request| request.consumer().map(|consumer| consumer.id.0))
    }

    fn drop(&mut self, _: Request) -> Result<()> {
        Ok(())
    }
}

impl HostResponse for HostState {
    fn status(&mut self, _: Response) -> Result<u16> {
        response(|| Some(Question::Status), |response| response.status())
    }

    fn header(&mut self, _: Response, name: String) -> Result<Option<Vec<u8>>> {
        let question = || Some(Question::ResponseHeader(name.as_str().into()));
        response(question, |response| response.header(&name).map(<[u8]>::to_vec))
    }

    fn header_values(&mut self, _: Response, name: String) -> Result<Vec<Vec<u8>>> {
        let question = || Some(Question::ResponseHeaderValues(name.as_str().into()));
        response(question, |response| collect_values(|see| response.header_values(&name, see)))
    }

    fn headers(&mut self, _: Response) -> Result<Vec<Field>> {
        response(|| None, |response| collect_fields(|see| response.each_header(see)))
    }

    fn trailers(&mut self, _: Response) -> Result<Vec<Field>> {
        response(|| None, |response| collect_fields(|see| response.each_trailer(see)))
    }

    fn endpoint(&mut self, _: Response) -> Result<Option<String>> {
        response(|| Some(Question::Endpoint), |response| response.endpoint().map(str::to_owned))
    }

    fn drop(&mut self, _: Response) -> Result<()> {
        Ok(())
    }
}

impl From<IpAddr> for IpAddress {
    fn from(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => Self::Ipv4(address.octets().into()),
            IpAddr::V6(address) => Self::Ipv6(address.segments().into()),
        }
    }
}

impl From<Ambiguity> for http::Ambiguity {
    fn from(ambiguity: Ambiguity) -> Self {
        match ambiguity {
            Ambiguity::Missing => Self::Missing,
            Ambiguity::Repeated => Self::Repeated,
        }
    }
}

fn collect_values<'h>(each: impl FnOnce(&mut dyn FnMut(&'h [u8]))) -> Vec<Vec<u8>> {
    let mut values = Vec::new();
    each(&mut |value| values.push(value.to_vec()));
    values
}

fn collect_fields(each: impl FnOnce(&mut dyn FnMut(&str, &[u8]))) -> Vec<Field> {
    let mut fields = Vec::new();
    each(&mut |name, value| fields.push(Field { name: name.to_owned(), value: value.to_vec() }));
    fields
}
