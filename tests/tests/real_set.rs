//! The real model in three shards is one model, tensor by tensor. Skipped, and said so, where it was not fetched.

use std::fs;
use std::io::{Cursor, Read};
use std::thread;

use gguf_admission::{Header, Model, Options, Resident, Set, SetModel, admit_reader};
use gguf_tests::shards::{I32, U16};
use gguf_tests::writer::Writer;

const COUNT: usize = 3;
const ALIGNMENT: u64 = 32;

/// A file of its own: its header, and what it has of the whole file's data.
struct Shard<'a> {
    head: Vec<u8>,
    data: &'a [u8],
}

impl Shard<'_> {
    fn reader(&self) -> impl Read {
        Cursor::new(&self.head).chain(self.data)
    }

    fn admitted(&self) -> Model<Resident> {
        let length = Some((self.head.len() + self.data.len()) as u64);
        admit_reader(self.reader(), Options { length, digests: 0, ..Options::resident() }).expect("a good shard")
    }
}

/// As many tensors in each; the first has the metadata.
fn split<'a>(file: &'a [u8], header: &Header) -> Vec<Shard<'a>> {
    let tensors: Vec<_> = header.tensors().collect();
    let most = tensors.len().div_ceil(COUNT);
    let metadata = &file[24..tensors[0].name().offset() as usize - 8];
    let shard = |no: usize| {
        let own = &tensors[no * most..tensors.len().min((no + 1) * most)];
        let entries = if no == 0 { header.entry_count() as u64 } else { 0 };
        let mut writer = Writer::new(own.len() as u64, entries + 3);
        if no == 0 {
            writer.bytes.extend(metadata);
        }
        writer.key(b"split.no", U16).bytes.extend((no as u16).to_le_bytes());
        writer.key(b"split.count", U16).bytes.extend((COUNT as u16).to_le_bytes());
        writer.key(b"split.tensors.count", I32).bytes.extend((tensors.len() as i32).to_le_bytes());
        for tensor in own {
            let name = tensor.name().to_vec().expect("memory");
            writer.tensor_of(&name, tensor.ty.number(), tensor.dims(), tensor.bytes, ALIGNMENT);
        }
        writer.pad(ALIGNMENT as usize);
        let end = tensors.get((no + 1) * most).map_or(file.len() as u64, |next| next.offset);
        Shard { head: writer.bytes, data: &file[own[0].offset as usize..end as usize] }
    };
    (0..COUNT).map(shard).collect()
}

#[test]
fn the_real_model_in_three_shards_is_one_model_with_the_tensors_of_the_whole_file() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/models/gemma-3-270m-q4_k_m.gguf");
    let Ok(file) = fs::read(path) else {
        println!("skipped: no {path}; `cargo xtask model` fetches it");
        return;
    };
    let whole = admit_reader(&file[..], Options { digests: 0, ..Options::verify() }).expect("a good file");
    let shards = split(&file, whole.header());

    // Side by side, as a program would; the last one is the first in the list.
    let models = thread::scope(|scope| {
        let running: Vec<_> = shards.iter().rev().map(|shard| scope.spawn(|| shard.admitted())).collect();
        running.into_iter().map(|shard| shard.join().expect("no panic")).collect::<Vec<_>>()
    });
    let mut set = Set::new(models[COUNT - 1].header()).expect("the lead");
    models[..COUNT - 1].iter().for_each(|model| set.join(model.header()).expect("it fits"));
    assert!(set.is_complete());

    let model = SetModel::new(models).expect("a set");
    let lengths: usize = shards.iter().map(|shard| shard.head.len() + shard.data.len()).sum();
    assert_eq!((model.tensor_count(), model.length()), (236, lengths as u64));
    assert_eq!(model.header().array("tokenizer.ggml.tokens").expect("it is there").len(), 262_144);
    assert_eq!(model.tensors().count(), 236);
    for (found, expected) in model.tensors().zip(whole.header().tensors()) {
        let name = expected.name().to_str().expect("text").into_owned();
        assert_eq!((found.name().to_str().expect("text").as_ref(), found.ty), (name.as_str(), expected.ty));
        let (tensor, bytes) = model.tensor_named(&name).expect("it is there");
        assert_eq!((tensor.dims(), tensor.bytes), (expected.dims(), expected.bytes), "{name}");
        let at = expected.offset as usize;
        assert!(bytes == &file[at..at + expected.bytes as usize], "{name}: other bytes");
    }
}
