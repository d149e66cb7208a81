use std::fs::{self, File};
use std::io::Read as _;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::config::model::{AccessLogFormat, LogTarget};
use crate::observe::metrics::Metrics;

fn record() -> AccessRecord<'static> {
    AccessRecord {
        client: "192.0.2.7".parse().unwrap(),
        request_id: "a1",
        method: "GET",
        authority: "shop.example",
        target: "/items?page=2",
        protocol: "HTTP/1.1",
        status: 200,
        bytes_in: 0,
        bytes_out: 1234,
        taken: Duration::from_micros(12_345),
        route: Some("items"),
        upstream: Some("inventory"),
        endpoint: Some("10.0.0.1:80"),
        tries: 1,
        consumer: None,
        policy: None,
        cause: None,
    }
}

fn line(form: Form, record: &AccessRecord<'_>) -> String {
    let mut line = Vec::new();
    form.write(&mut line, UNIX_EPOCH + Duration::from_millis(1_795_000_000_123), record);
    String::from_utf8(line).unwrap()
}

fn config(target: &Path) -> model::AccessLog {
    model::AccessLog { format: AccessLogFormat::Json, target: LogTarget::File(target.to_owned()) }
}

fn open(target: &Path) -> AccessLog {
    AccessLog::open(&config(target), Metrics::new().access_lines()).unwrap()
}

fn file() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("access.log");
    (folder, path)
}

#[test]
fn the_text_form_reads_like_this() {
    assert_eq!(
        line(Form::Text, &record()),
        "2026-11-18T11:06:40.123Z 192.0.2.7 \"GET shop.example /items?page=2 HTTP/1.1\" 200 1234 12.345ms \
         id=a1 route=items upstream=inventory endpoint=10.0.0.1:80\n"
    );
    let failed = AccessRecord { cause: Some("no answer in time"), tries: 3, bytes_in: 5, ..record() };
    assert!(line(Form::Text, &failed).ends_with(" cause=\"no answer in time\" tries=3 bytes_in=5\n"));
}

#[test]
fn the_json_form_has_these_keys_in_this_order() {
    assert_eq!(
        line(Form::Json, &record()),
        "{\"time\":\"2026-11-18T11:06:40.123Z\",\"client\":\"192.0.2.7\",\"request_id\":\"a1\",\"method\":\"GET\",\
         \"host\":\"shop.example\",\"target\":\"/items?page=2\",\"protocol\":\"HTTP/1.1\",\"status\":200,\
         \"bytes_in\":0,\"bytes_out\":1234,\"duration_ms\":12.345,\"route\":\"items\",\"upstream\":\"inventory\",\
         \"endpoint\":\"10.0.0.1:80\",\"tries\":1,\"consumer\":null,\"policy\":null,\"cause\":null}\n"
    );
}

#[test]
fn a_client_cannot_forge_a_line_or_speak_to_a_terminal() {
    let hostile = "/\" 200\r\n\u{1b}[2J\u{9b}31m\u{2028}\u{202e}\u{1f600}\\";
    let record = AccessRecord { target: hostile, authority: "a\nb", method: "G\0T", ..record() };
    for form in [Form::Text, Form::Json] {
        let line = line(form, &record);
        assert_eq!(line.matches('\n').count(), 1, "{line}");
        assert!(line.trim_end().bytes().all(|byte| matches!(byte, b' '..=b'~')), "{line}");
    }
    let read: Value = serde_json::from_str(&line(Form::Json, &record)).unwrap();
    assert_eq!(read["target"], hostile);
}

proptest! {
    #[test]
    fn any_text_comes_back_from_the_json_form_and_stays_on_one_line(target in any::<String>(), cause in any::<String>()) {
        let record = AccessRecord { target: &target, cause: Some(&cause), ..record() };
        let json = line(Form::Json, &record);
        let read: Value = serde_json::from_str(&json).unwrap();
        prop_assert_eq!(&read["target"], &target);
        prop_assert_eq!(&read["cause"], &cause);
        prop_assert_eq!(json.matches('\n').count(), 1);
        prop_assert_eq!(line(Form::Text, &record).matches('\n').count(), 1);
    }
}

#[test]
fn what_is_queued_is_written_before_the_log_is_gone() {
    let (_folder, path) = file();
    let log = open(&path);
    for _ in 0..1000 {
        log.write(&record());
    }
    drop(log);
    let text = fs::read_to_string(path).unwrap();
    assert_eq!(text.lines().count(), 1000);
    assert!(text.lines().all(|line| serde_json::from_str::<Value>(line).is_ok()));
}

#[test]
fn lines_go_on_behind_those_of_an_earlier_run() {
    let (_folder, path) = file();
    for _ in 0..2 {
        open(&path).write(&record());
    }
    assert_eq!(fs::read_to_string(path).unwrap().lines().count(), 2);
}

#[test]
fn a_line_written_after_reopen_goes_to_the_new_file() {
    let (folder, path) = file();
    let log = open(&path);
    fs::rename(&path, folder.path().join("rotated.log")).unwrap();
    log.reopen();
    log.write(&record());
    drop(log);
    assert_eq!(fs::read_to_string(&path).unwrap().lines().count(), 1);
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_loses_lines_and_counts_them() {
    let lost = Metrics::new().access_lines();
    let log = AccessLog::open(&config(Path::new("/dev/full")), lost.clone()).unwrap();
    for _ in 0..10 {
        log.write(&record());
    }
    drop(log);
    assert_eq!((lost.write.value(), lost.full.value()), (10, 0));
}

#[test]
fn a_file_that_cannot_be_opened_is_said_at_once() {
    let error = AccessLog::open(&config(Path::new("/proc/no/such/file")), Metrics::new().access_lines());
    assert_eq!(error.unwrap_err().kind(), io::ErrorKind::NotFound);
}

#[test]
fn a_reader_that_does_not_read_costs_lines_and_never_holds_a_request() {
    let (mut reader, writer) = io::pipe().unwrap();
    let stuck = Destination::File { path: "pipe".into(), file: File::from(OwnedFd::from(writer)), torn: false };
    let lost = Metrics::new().access_lines();
    let log = AccessLog { open: Some((Form::Json, Writer::start(stuck, lost.clone()).unwrap())) };
    for _ in 0..20_000 {
        log.write(&record());
    }
    let full = lost.full.value();
    assert!(full > 0);
    let reading = std::thread::spawn(move || {
        let mut text = String::new();
        reader.read_to_string(&mut text).map(|_| text.lines().count() as u64)
    });
    drop(log);
    assert_eq!(reading.join().unwrap().unwrap() + full, 20_000);
}

#[test]
fn what_is_queued_when_it_is_closed_is_written_whoever_still_holds_it() {
    let (_folder, path) = file();
    let json = model::AccessLog { format: AccessLogFormat::Json, target: LogTarget::File(path.clone()) };
    let log = AccessLog::open(&json, Metrics::new().access_lines()).unwrap();
    (0..1000).for_each(|_| log.write(&record()));
    log.close();
    assert_eq!(fs::read_to_string(&path).unwrap().lines().count(), 1000);
    log.close();
}

#[test]
fn off_writes_nothing() {
    let (_folder, path) = file();
    let off = model::AccessLog { format: AccessLogFormat::Off, target: LogTarget::File(path.clone()) };
    AccessLog::open(&off, Metrics::new().access_lines()).unwrap().write(&record());
    assert!(!path.exists());
}
