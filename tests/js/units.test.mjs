import assert from "node:assert/strict"
import {test} from "node:test"

import {frequencyOf, readOff, rounded, valueAt} from "../../app/page/js/units.js"

test("frequencies are those of the ERB numbers that amtlib.scales.fc2erb documents", () => {
  for (const [cam, frequency] of [[3.3589, 100], [15.572, 1000], [27.0217, 4000]])
    assert.ok(Math.abs(frequencyOf(cam) / frequency - 1) < 1e-4)
})

test("a value has as many decimals as a pixel is worth", () => {
  assert.equal(rounded(0.31234, 0.002), "0.312")
  assert.equal(rounded(54.37, 0.3), "54.4")
  assert.equal(rounded(54.37, 1), "54")
  assert.equal(rounded(-0.001, 0.1), "0.0")
  assert.equal(rounded(-12.34, 1), "−12")
})

test("axes are read in their units", () => {
  assert.equal(readOff(0.3123, 0.002, {label: "Time", unit: "s", scale: "linear"}), "0.312 s")
  assert.equal(readOff(15.572, 0.05, {label: "Channel", unit: "Hz", scale: "erb"}), "1.00 kHz")
  assert.equal(readOff(500, 0.01, {label: "Frequency", unit: "Hz", scale: "log"}), "500 Hz")
  assert.equal(readOff(3, 0.5, {label: "Line", unit: "", scale: "linear"}), "Line 3")
})

test("a cell is found by its place, and nothing beside the cells", () => {
  const cells = {values: [1, 2, 3, 4, 5, 6], rows: 2, columns: 3, x: 0, y: 10, width: 3, height: 2}
  assert.equal(valueAt(cells, 0.5, 10.5), 1)
  assert.equal(valueAt(cells, 2.9, 11.9), 6)
  assert.equal(valueAt(cells, 3.1, 10.5), null)
  assert.equal(valueAt(cells, 1, 9.9), null)
})
