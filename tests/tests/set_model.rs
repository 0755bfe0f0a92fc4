//! A model of all shards of a set: from models in every order, and what is refused.

use gguf_admission::{Code, Model, Options, Resident, SetModel, admit_reader};
use gguf_tests::shards::{Says, shard};

fn says(no: u16) -> Says {
    Says { no, count: 3, total: 4 }
}

/// A set of three with four tensors.
fn good() -> [Vec<u8>; 3] {
    [shard(says(0), &["a", "b"]), shard(says(1), &["c"]), shard(says(2), &["d"])]
}

fn admitted(file: &[u8]) -> Model<Resident> {
    admit_reader(file, Options::resident()).expect("a good shard")
}

#[test]
fn tensors_are_found_by_name_over_all_shards_whatever_order_they_came_in() {
    let files = good();
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        let model = SetModel::new(order.map(|no| admitted(&files[no])).into()).expect("a set");
        assert_eq!(model.length(), files.iter().map(|file| file.len() as u64).sum::<u64>());
        assert_eq!((model.tensor_count(), model.shards().len()), (4, 3));
        assert!(std::ptr::eq(model.header(), model.shards()[0].header()));
        let names: Vec<String> = model.tensors().map(|tensor| tensor.name().to_string()).collect();
        assert_eq!(names, ["a", "b", "c", "d"]);
        for (name, no, index) in [("a", 0, 0), ("b", 0, 1), ("c", 1, 0), ("d", 2, 0)] {
            assert_eq!(model.find(name), Some((no, index)));
            let (tensor, bytes) = model.tensor_named(name).expect("it is there");
            let at = tensor.offset as usize;
            assert!(tensor.name() == *name && *bytes == files[no][at..at + 32], "{name}");
        }
        assert!(model.find("e").is_none() && model.tensor_named("e").is_none());
        let lengths = model.into_shards().iter().map(|shard| shard.length() as usize).collect::<Vec<_>>();
        assert_eq!(lengths, files.each_ref().map(Vec::len));
    }
}

#[test]
fn shards_that_do_not_belong_together_or_are_not_all_are_refused() {
    let [lead, second, third] = good();
    let refused = |files: &[&[u8]]| {
        let error = SetModel::new(files.iter().map(|file| admitted(file)).collect()).expect_err("no set");
        (error.code(), error.path().to_string(), error.message().to_owned())
    };
    let cases: [(&[&[u8]], &str, &str); 7] = [
        (&[&second, &third, &second], "metadata[0].value", "1 is not 0, as the lead, 0"),
        (&[&lead, &third], "", "shard 1 of 3 is missing"),
        (&[&lead, &second], "", "shard 2 of 3 is missing"),
        (&[&lead, &second, &second], "metadata[0].value", "shard 1 is there already"),
        (&[&lead, &lead, &second], "metadata[0].value", "shard 0 is there already"),
        (&[&lead, &second, &shard(says(2), &["c"])], "tensors[0].name", "\"c\" is a tensor of shard 1 too"),
        (
            &[&lead, &second, &shard(Says { total: 5, ..says(2) }, &["d"])],
            "metadata[2].value",
            "5 is not the lead's, 4",
        ),
    ];
    for (files, path, message) in cases {
        assert_eq!(refused(files), (Code::Set, path.to_owned(), message.to_owned()));
    }
    // A file that is no shard, alone and beside a lead.
    let single = gguf_tests::writer::file_of(&[5], 32);
    let message = "split.no is missing: this is no shard of a set";
    for files in [&[&single[..]][..], &[&lead, &single]] {
        assert_eq!(refused(files), (Code::Set, String::new(), message.to_owned()));
    }
    assert_eq!(SetModel::<Resident>::new(Vec::new()).expect_err("no shard").code(), Code::Argument);
}

#[test]
fn a_set_that_was_only_verified_has_its_tensors_and_not_their_bytes() {
    let verified = |file: &Vec<u8>| {
        admit_reader(&file[..], Options::into_sink(gguf_admission::Builtin::new(gguf_admission::Storage::Verify)))
            .expect("a good shard")
    };
    let model = SetModel::new(good().iter().map(verified).collect()).expect("a set");
    assert!(model.find("d").is_some() && model.tensor_named("d").is_none());
}
