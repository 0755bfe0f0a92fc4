//! `cargo xtask serve`: the files of js/, and the Rust app, over HTTP, for a browser on this machine. Nothing else can
//! reach it.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Component, Path, PathBuf};

use crate::failure::Failure;
use crate::project::Project;
use crate::tools::module;

const FOLDER: &str = "js";
/// Where `/` leads.
const START: &str = "/demo/";
/// What is below this path of the server is in a folder of its own.
const APP: &str = "/rust-app";
const APP_FOLDER: &str = "examples/rust-app";
const NO_APP: &str = "examples/rust-app is not built: cargo xtask build --web";
const PORT: u16 = 8080;
const HEAD_LIMIT: u64 = 16 * 1024;

/// The types that browsers insist on; `WebAssembly.compileStreaming` accepts only application/wasm.
const TYPES: &[(&str, &str)] = &[
    ("css", "text/css; charset=utf-8"),
    ("html", "text/html; charset=utf-8"),
    ("js", "text/javascript; charset=utf-8"),
    ("json", "application/json"),
    ("mjs", "text/javascript; charset=utf-8"),
    ("svg", "image/svg+xml"),
    ("wasm", "application/wasm"),
];

pub(crate) fn run(project: &Project, arguments: &[String]) -> Result<(), Failure> {
    let usage = || Failure::Usage("usage: cargo xtask serve [PORT]".into());
    let port = match arguments {
        [] => PORT,
        [port] => port.parse().map_err(|_| usage())?,
        _ => return Err(usage()),
    };
    module::build(project, &module::COMBINED)?;
    let roots = Roots { main: project.path(FOLDER), app: project.path(APP_FOLDER) };
    let refused = |error| Failure::Unavailable(format!("cannot listen on 127.0.0.1:{port}: {error}"));
    let listener = TcpListener::bind(("127.0.0.1", port)).map_err(refused)?;
    let address = listener.local_addr().map_err(refused)?;
    println!("{FOLDER}/ at http://{address}{START}  (Ctrl-C ends it)");
    if roots.has_app() {
        println!("{APP_FOLDER} at http://{address}{APP}/");
    } else {
        println!("{NO_APP}");
    }
    for stream in listener.incoming().flatten() {
        let roots = roots.clone();
        std::thread::spawn(move || {
            // The browser went away: nobody is left to be told.
            let _ = serve(&roots, &stream);
        });
    }
    Ok(())
}

/// The folders whose files are served.
#[derive(Clone)]
struct Roots {
    main: PathBuf,
    app: PathBuf,
}

/// What a request asks for.
struct Request {
    method: String,
    path: String,
    range: Option<String>,
}

/// Answers one request and closes.
fn serve(roots: &Roots, stream: &TcpStream) -> std::io::Result<()> {
    let request = read_request(stream)?;
    let mut out = stream;
    if !matches!(request.method.as_str(), "GET" | "HEAD") {
        return refuse(out, "405 Method Not Allowed");
    }
    if request.path == "/" {
        return write!(
            out,
            "HTTP/1.1 302 Found\r\nLocation: {START}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        );
    }
    if is_of_app(&request.path) && !roots.has_app() {
        let head = "HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain; charset=utf-8";
        return write!(out, "{head}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{NO_APP}", NO_APP.len());
    }
    let Some(path) = roots.locate(&request.path) else { return refuse(out, "404 Not Found") };
    let Ok(mut file) = File::open(&path) else { return refuse(out, "404 Not Found") };
    let length = file.metadata()?.len();
    let extension = path.extension().unwrap_or_default().to_string_lossy().into_owned();
    let kind = TYPES.iter().find(|(known, _)| *known == extension).map_or("application/octet-stream", |(_, kind)| kind);

    let (status, start, end) = match request.range.as_deref().map(|range| part(range, length)) {
        None | Some(Part::Whole) => ("200 OK", 0, length),
        Some(Part::Bytes(start, end)) => ("206 Partial Content", start, end),
        Some(Part::Outside) => return refuse(out, "416 Range Not Satisfiable"),
    };
    write!(out, "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n", end - start)?;
    if status.starts_with("206") {
        write!(out, "Content-Range: bytes {start}-{}/{length}\r\n", end - 1)?;
    }
    write!(out, "Accept-Ranges: bytes\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n")?;
    if request.method == "GET" {
        file.seek(SeekFrom::Start(start))?;
        std::io::copy(&mut file.take(end - start), &mut out)?;
    }
    out.flush()
}

fn read_request(stream: &TcpStream) -> std::io::Result<Request> {
    let mut lines = BufReader::new(stream.take(HEAD_LIMIT)).lines();
    let first = lines.next().transpose()?.unwrap_or_default();
    let mut words = first.split(' ');
    let (method, path) = (words.next().unwrap_or("").to_owned(), words.next().unwrap_or("").to_owned());
    let mut range = None;
    for line in lines {
        let line = line?;
        if line.is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("range")
        {
            range = Some(value.trim().to_owned());
        }
    }
    Ok(Request { method, path, range })
}

fn is_of_app(path: &str) -> bool {
    below_app(path).is_some()
}

/// The rest of a path that lies below the app's, from its `/` on.
fn below_app(path: &str) -> Option<&str> {
    path.strip_prefix(APP).filter(|rest| rest.starts_with('/'))
}

impl Roots {
    /// Whether the app was built: its page alone can do nothing.
    fn has_app(&self) -> bool {
        self.app.join("pkg").is_dir()
    }

    fn locate(&self, path: &str) -> Option<PathBuf> {
        match below_app(path) {
            Some(rest) => locate(&self.app, rest),
            None => locate(&self.main, path),
        }
    }
}

/// The file below `root` that a request path names; a folder means its index.html.
fn locate(root: &Path, path: &str) -> Option<PathBuf> {
    let path = path.split(['?', '#']).next()?.strip_prefix('/')?;
    let relative = Path::new(path);
    if relative.components().any(|component| !matches!(component, Component::Normal(_))) {
        return None;
    }
    let file = root.join(relative);
    Some(if file.is_dir() { file.join("index.html") } else { file })
}

#[derive(Debug, PartialEq)]
enum Part {
    Whole,
    /// `start..end`, not empty, inside the file.
    Bytes(u64, u64),
    Outside,
}

/// Reads `bytes=0-99`, `bytes=100-` or `bytes=-100`. Anything else, lists too, means the whole file, as HTTP allows.
fn part(range: &str, length: u64) -> Part {
    let Some((start, end)) = range.strip_prefix("bytes=").and_then(|range| range.split_once('-')) else {
        return Part::Whole;
    };
    let bounds = match (start.parse::<u64>(), end.parse::<u64>()) {
        (Ok(start), Ok(last)) if start <= last => (start, last.saturating_add(1).min(length)),
        (Ok(start), Err(_)) if end.is_empty() => (start, length),
        (Err(_), Ok(count)) if start.is_empty() => (length.saturating_sub(count), length),
        _ => return Part::Whole,
    };
    if bounds.0 < bounds.1 { Part::Bytes(bounds.0, bounds.1) } else { Part::Outside }
}

fn refuse(mut out: &TcpStream, status: &str) -> std::io::Result<()> {
    write!(out, "HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_as_http_says() {
        assert_eq!(part("bytes=0-99", 1000), Part::Bytes(0, 100));
        assert_eq!(part("bytes=900-2000", 1000), Part::Bytes(900, 1000));
        assert_eq!(part("bytes=100-", 1000), Part::Bytes(100, 1000));
        assert_eq!(part("bytes=-100", 1000), Part::Bytes(900, 1000));
        assert_eq!(part("bytes=1000-", 1000), Part::Outside);
        assert_eq!(part("bytes=-0", 1000), Part::Outside);
        for whole in ["bytes=5-4", "bytes=0-1,5-6", "lines=0-1", "bytes=a-b"] {
            assert_eq!(part(whole, 1000), Part::Whole, "{whole}");
        }
    }

    /// What the server sends for a GET of `path`.
    fn get(roots: &Roots, path: &str) -> String {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let mut client = TcpStream::connect(listener.local_addr().expect("an address")).expect("a connection");
        client.write_all(format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes()).expect("a request");
        let (stream, _) = listener.accept().expect("the client");
        serve(roots, &stream).expect("an answer");
        drop(stream);
        let mut answer = String::new();
        client.read_to_string(&mut answer).expect("an answer in UTF-8");
        answer
    }

    #[test]
    fn the_root_leads_to_the_demo_and_an_app_that_is_not_built_says_so() {
        let folder = std::env::temp_dir().join(format!("xtask-serve-{}", std::process::id()));
        let roots = Roots { main: folder.join("main"), app: folder.join("app") };
        for folder in [roots.main.join("demo"), roots.app.clone()] {
            std::fs::create_dir_all(&folder).expect("a folder");
            std::fs::write(folder.join("index.html"), "here").expect("a page");
        }
        assert!(get(&roots, "/").starts_with("HTTP/1.1 302 Found\r\nLocation: /demo/\r\n"));
        assert!(get(&roots, START).ends_with("\r\n\r\nhere"));
        let answer = get(&roots, "/rust-app/");
        assert!(answer.starts_with("HTTP/1.1 503") && answer.ends_with(NO_APP), "{answer}");
        std::fs::create_dir(roots.app.join("pkg")).expect("a folder");
        assert!(get(&roots, "/rust-app/").ends_with("\r\n\r\nhere"));
        std::fs::remove_dir_all(folder).expect("what this test made");
    }

    #[test]
    fn the_app_has_a_folder_of_its_own() {
        let roots = Roots { main: "main".into(), app: "app".into() };
        for (path, file) in
            [("/rust-app/page.js", "app/page.js"), ("/rust-app/", "app"), ("/rust-apple", "main/rust-apple")]
        {
            assert_eq!(roots.locate(path), Some(PathBuf::from(file)), "{path}");
        }
        assert_eq!(roots.locate("/rust-app/../page.js"), None);
    }

    #[test]
    fn nothing_outside_the_folder_is_found() {
        let root = Path::new("root");
        assert_eq!(locate(root, "/a/b.js?x"), Some(root.join("a/b.js")));
        for outside in ["/../secret", "/a/../../secret", "//etc/passwd", "no-slash", ""] {
            assert_eq!(locate(root, outside), None, "{outside}");
        }
    }
}
