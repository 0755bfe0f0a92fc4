//! Files of random tensors, and candle's own reading of a file to hold ours to.
#![allow(dead_code, reason = "each test uses its part")]

mod types;

use std::io::{Read, Seek, SeekFrom};

use candle_core::Device;
use candle_core::quantized::gguf_file::Content;
use candle_core::quantized::{GgmlDType, QStorage, QTensor};
use gguf_admission::Model;
use gguf_admission_candle::Weights;
use gguf_tests::dice::Dice;
use gguf_tests::writer::Writer;

pub(crate) use types::TYPES;

pub(crate) const ALIGNMENT: usize = 32;

/// A file with these tensors, all of random bytes; names are `t0`, `t1` and so on.
pub(crate) fn file(tensors: &[(u32, Vec<u64>)], seed: u64) -> Vec<u8> {
    let mut dice = Dice::new(seed);
    let mut writer = Writer::new(tensors.len() as u64, 0);
    let sizes: Vec<u64> = tensors.iter().map(|(ty, dims)| size(*ty, dims)).collect();
    for (index, ((ty, dims), size)) in tensors.iter().zip(&sizes).enumerate() {
        writer.tensor_of(format!("t{index}").as_bytes(), *ty, dims, *size, ALIGNMENT as u64);
    }
    writer.pad(ALIGNMENT);
    for size in sizes {
        writer.bytes.extend((0..size).map(|_| dice.roll() as u8));
        writer.pad(ALIGNMENT);
    }
    writer.bytes
}

fn size(ty: u32, dims: &[u64]) -> u64 {
    let (_, elements, bytes) = TYPES.iter().find(|known| known.0 == ty).expect("a type of candle's");
    dims.iter().product::<u64>() / elements * bytes
}

/// Every type in one to four dimensions, odd row counts and empty tensors among them.
pub(crate) fn every_type(seed: u64) -> Vec<u8> {
    let shapes = |(ty, block, _): &(u32, u64, u64)| {
        let dims = [vec![*block], vec![3 * block, 7], vec![*block, 2, 3], vec![2 * block, 1, 5, 2], vec![*block, 0]];
        dims.map(|dims| (*ty, dims))
    };
    file(&TYPES.iter().flat_map(shapes).collect::<Vec<_>>(), seed)
}

/// That every tensor of the model is the one that candle reads from `reader`, bit for bit.
pub(crate) fn assert_as_candle_reads<R: Read + Seek>(model: &Model<Weights>, reader: &mut R) {
    let content = Content::read(reader).expect("candle reads it");
    assert_eq!(model.header().tensor_count(), content.tensor_infos.len());
    assert_eq!(model.sink().tensors().count(), content.tensor_infos.len());
    for (name, ours) in model.sink().tensors() {
        let info = &content.tensor_infos[name];
        assert_eq!((ours.dtype(), ours.shape()), (info.ggml_dtype, &info.shape), "{name}");
        if info.shape.elem_count() == 0 {
            // Candle makes a slice of a null pointer of it, which a debug build refuses.
            assert!(ours.data().expect("bytes").is_empty(), "{name}");
            continue;
        }
        let theirs = if matches!(info.ggml_dtype, GgmlDType::Q8_1 | GgmlDType::Q8K) {
            // Types of candle's that its file reader leaves out: made of the file's bytes, as it makes the others.
            assert!(content.tensor(reader, name, &Device::Cpu).is_err());
            let ty = info.ggml_dtype;
            let mut bytes = vec![0; info.shape.elem_count() / ty.block_size() * ty.type_size()];
            reader.seek(SeekFrom::Start(content.tensor_data_offset + info.offset)).expect("it is there");
            reader.read_exact(&mut bytes).expect("it is there");
            let storage = QStorage::from_data(bytes.into(), &Device::Cpu, ty).expect("a type of candle's");
            QTensor::new(storage, info.shape.clone()).expect("a good shape")
        } else {
            content.tensor(reader, name, &Device::Cpu).expect("candle reads the tensor")
        };
        assert_eq!((ours.dtype(), ours.shape()), (theirs.dtype(), theirs.shape()), "{name}");
        assert!(ours.data().expect("bytes") == theirs.data().expect("bytes"), "the bytes of {name} differ");
        let found = model.sink().get(theirs.shape().clone(), name).expect("by its name");
        assert!(std::sync::Arc::ptr_eq(ours, &found), "{name}");
    }
}
