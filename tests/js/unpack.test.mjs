import assert from "node:assert/strict"
import {test} from "node:test"

import {unbundled, unpack, unpackScene} from "../../app/page/js/unpack.js"

const ARRAYS = {uint8: Uint8Array, int32: Int32Array, float32: Float32Array, float64: Float64Array}

/** Stands in for BokehJS's `ndarray`: a typed array with a shape. */
function ndarray(init, {dtype, shape}) {
  return Object.assign(new ARRAYS[dtype](init), {dtype, shape})
}

/** What a message brings: the bytes begin somewhere in a larger buffer. */
function bundle(...arrays) {
  const bytes = arrays.flatMap((array) => [...new Uint8Array(array.buffer)])
  return new Uint8Array(Uint8Array.from([7, 7, 7, ...bytes]).buffer, 3)
}

test("a scene without bytes is left as it is", () => {
  const scene = {data: {curve: {x: [1, 2]}}, set: {}, limits: {}}
  assert.equal(unbundled(scene, ndarray), scene)
})

test("arrays of a bundle come back with their type, shape and values", () => {
  const x = Float64Array.of(0.5, -1.5), n = Int32Array.of(3, 4)
  const scene = unbundled({
    set: {}, limits: {}, bytes: bundle(x, n),
    data: {curve: {
      x: {dtype: "float64", shape: [2], from: 0, to: 16},
      n: {dtype: "int32", shape: [2, 1], from: 16, to: 24},
      names: ["a", "b"],
      lines: [{dtype: "int32", shape: [2], from: 16, to: 24}],
      nothing: null,
    }},
  }, ndarray)
  const {curve} = scene.data
  assert.deepEqual([...curve.x], [0.5, -1.5])
  assert.deepEqual([...curve.n], [3, 4])
  assert.deepEqual(curve.n.shape, [2, 1])
  assert.deepEqual([...curve.lines[0]], [3, 4])
  assert.deepEqual([curve.names, curve.nothing], [["a", "b"], null])
})

test("a column of equal lines holds its line once for each", () => {
  const line = Float64Array.of(1, 2)
  const column = unpack({every_line: line, lines: 3}, false, ndarray)
  assert.equal(column.length, 3)
  assert.ok(column.every((each) => each === line))
})

test("packed lines are rows of float32 between the limits", () => {
  const packed = ndarray([0, 255, 51, 102], {dtype: "uint8", shape: [2, 2]})
  const rows = unpack({packed, low: -10, high: 0}, false, ndarray)
  assert.deepEqual(rows.map((row) => [...row]), [[-10, 0], [-8, -6]])
  assert.ok(rows.every((row) => row instanceof Float32Array))
})

test("a packed image is one array of two dimensions", () => {
  const packed = ndarray([0, 255, 51, 102, 0, 255], {dtype: "uint8", shape: [2, 3]})
  const [image, ...more] = unpack({packed, low: 0, high: 255}, true, ndarray)
  assert.deepEqual([...image], [0, 255, 51, 102, 0, 255])
  assert.deepEqual([image.dtype, image.shape, more], ["float32", [2, 3], []])
})

test("a column that travels as it is stays the same", () => {
  for (const column of [[1, 2], Float64Array.of(1), ["a"]]) assert.equal(unpack(column, false, ndarray), column)
})

test("the frames of a film come back as the steps that they travel as", () => {
  const {films} = unpackScene({
    set: {}, limits: {}, data: {}, bytes: bundle(Uint8Array.of(0, 255, 51, 102)),
    films: {wave: {column: "y", start: 0.1, step: 0.01, low: -1, high: 1,
      packed: {dtype: "uint8", shape: [2, 2], from: 0, to: 4}}},
  }, ndarray)
  assert.deepEqual([...films.wave.packed], [0, 255, 51, 102])
  assert.deepEqual(films.wave.packed.shape, [2, 2])
  assert.equal(films.wave.start, 0.1)
})

test("a whole scene is unpacked out of its bundle", () => {
  const scene = unpackScene({
    set: {map: {visible: true}}, limits: {"map.x_range": [0, 1]}, bytes: bundle(Uint8Array.of(0, 255)),
    data: {
      map: {image: {packed: {dtype: "uint8", shape: [1, 2], from: 0, to: 2}, low: 0, high: 1}, x: [0]},
      lines: {ys: {packed: {dtype: "uint8", shape: [2, 1], from: 0, to: 2}, low: 0, high: 1}},
    },
  }, ndarray)
  assert.deepEqual([...scene.data.map.image[0]], [0, 1])
  assert.deepEqual(scene.data.map.x, [0])
  assert.deepEqual(scene.data.lines.ys.map((row) => [...row]), [[0], [1]])
  assert.deepEqual([scene.set, scene.limits], [{map: {visible: true}}, {"map.x_range": [0, 1]}])
})
