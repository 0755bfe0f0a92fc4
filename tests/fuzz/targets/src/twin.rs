//! The parser against the naive judge: code, offset, path, and what an admitted file is.

use gguf_admission::{Algorithm, Builtin, Digest, Model, Session, Storage};
use sha2::Digest as _;

use crate::drive::{self, Cuts, End};
use crate::naive::{self, Facts, Fault, Terms};
use crate::source::Source;

/// Judges the file that `input` holds, or describes, twice.
pub fn twin(input: &[u8]) {
    let (body, mut source) = Source::split(input);
    let file = crate::file(body, &mut source);
    let length = drive::declared(&mut source, file.len());
    let resident = source.chance(64);
    let storage = if resident { Storage::Resident } else { Storage::Verify };
    let limits = drive::limits(&mut source, storage, file.len());
    let cuts = Cuts::drawn(&mut source);
    let expected = expectation(&mut source, &file);

    for declared in [length, None] {
        let terms = Terms { declared, limits: &limits, resident };
        if naive::is_at_bound(&file, terms) {
            continue;
        }
        let verdict = naive::judge(&file, terms);
        let verdict = verdict.and_then(|facts| match &expected {
            Some((algorithm, _, false)) => Err(wrong(*algorithm)),
            _ => Ok(facts),
        });
        let mut session = Session::new(Builtin::new(storage), declared, limits).expect("the length is in range");
        if let Some((algorithm, digest, _)) = expected {
            session.set_digests(3).expect("nothing was pushed");
            session.expect_digest(algorithm, digest).expect("it is computed");
        }
        match drive::admit(session, &file, cuts.clone(), drive::push) {
            End::Admitted(model) => {
                assert_eq!(verdict, Ok(facts(&model)), "the parser admits {declared:?}");
                assert_eq!(model.digests().sha256, Some(sha256(&file)));
            }
            End::Rejected(fault) => assert_eq!(verdict, Err(fault), "the parser rejects {declared:?}"),
            // Of a model that is too large for here only what its bytes show can be said.
            End::TooLarge => assert!(resident, "a file this small needs little"),
        }
    }
}

/// A digest to require: mostly none, else the right one or (false) a wrong one.
fn expectation(source: &mut Source<'_>, file: &[u8]) -> Option<(Algorithm, Digest, bool)> {
    let (algorithm, mut digest) = match source.below(16) {
        14 => (Algorithm::Sha256, sha256(file)),
        15 => (Algorithm::Blake3, Digest(*blake3::hash(file).as_bytes())),
        _ => return None,
    };
    let right = source.chance(128);
    if !right {
        digest.0[source.below(32)] ^= 1 << source.below(8);
    }
    Some((algorithm, digest, right))
}

fn sha256(file: &[u8]) -> Digest {
    Digest(sha2::Sha256::digest(file).into())
}

fn wrong(algorithm: Algorithm) -> Fault {
    let path = match algorithm {
        Algorithm::Sha256 => "digests.sha256",
        Algorithm::Blake3 => "digests.blake3",
        _ => unreachable!("no other digest is expected here"),
    };
    Fault { code: "digest", offset: None, path: path.into() }
}

/// What the parser says about an admitted file, in the naive judge's terms.
fn facts(model: &Model) -> Facts {
    let header = model.header();
    let layout = header.layout();
    Facts {
        version: header.version(),
        alignment: header.alignment(),
        ends: [layout.header_end, layout.data_start, layout.required_end, layout.allowed_end],
        keys: header.entries().map(|entry| entry.key.to_vec().expect("there is memory")).collect(),
        tensors: header
            .tensors()
            .map(|tensor| {
                let name = tensor.name().to_vec().expect("memory");
                (name, tensor.dims().to_vec(), tensor.ty.number(), tensor.offset, tensor.bytes)
            })
            .collect(),
    }
}
