import assert from "node:assert/strict"
import {test} from "node:test"

import {placedBeside} from "../../app/page/js/labels.js"

const ROOM = {width: 300, height: 200}, NAME = {width: 60, height: 13}

/** Whether some of a line lies in a box. */
function runsThrough({x, y}, {left, top, width, height}) {
  return x.some((from, i) => Array.from({length: 100}, (_, part) => part / 100).some((share) => {
    const [to, end] = [x[i + 1] ?? from, y[i + 1] ?? y[i]]
    const at = from + share * (to - from), up = y[i] + share * (end - y[i])
    return at >= left && at <= left + width && up >= top && up <= top + height
  }))
}

/** How far a line is above or below the middle of a box. */
function away({x, y}, {left, top, width, height}) {
  const middle = left + width / 2, i = x.findIndex((at) => at > middle)
  const up = y[i - 1] + (y[i] - y[i - 1]) * (middle - x[i - 1]) / (x[i] - x[i - 1])
  return Math.abs(up - (top + height / 2))
}

/** Many lines that wind, the same in every run. */
function winding(seed) {
  const x = Array.from({length: 61}, (_, i) => 5 * i)
  return {x, y: x.map((at) => 100 + 40 * Math.sin(at / 40 + seed) + 25 * Math.sin(at / (17 + seed % 5) + 2 * seed))}
}

test("a name stands over no line, in the frame, over no other name, and nearest to its own line", () => {
  let named = 0
  for (let seed = 0; seed < 60; seed += 1) {
    const lines = [winding(seed), winding(seed + 0.4), winding(seed + 2)]
    const placed = placedBeside(lines, [NAME, NAME, NAME], ROOM)
    placed.forEach((box, i) => {
      if (!box) return
      named += 1
      assert.ok(box.left >= 0 && box.left + box.width <= ROOM.width && box.top >= 0 && box.top + box.height <= ROOM.height)
      for (const line of lines) assert.ok(!runsThrough(line, box), `${seed}: a line through ${i}`)
      lines.forEach((line, j) => { if (j !== i) assert.ok(away(lines[i], box) < away(line, box), `${seed}: ${i} is nearer to ${j}`) })
      for (const other of placed.slice(i + 1)) if (other) assert.ok(
        box.left + box.width < other.left || other.left + other.width < box.left ||
        box.top + box.height < other.top || other.top + other.height < box.top)
    })
  }
  assert.ok(named > 100, `${named} names found a place`)
})

test("of two lines at one place the one in front has its name there, the hidden one none", () => {
  const line = {x: [0, 300], y: [100, 90]}
  const [behind, front] = placedBeside([line, line], [NAME, NAME], ROOM)
  assert.equal(behind, null)
  assert.ok(front)
  const [apart] = placedBeside([{x: [0, 150, 300], y: [100, 95, 120]}, line], [{width: 250, height: 13}, NAME], ROOM)
  assert.equal(apart, undefined)  // it can be seen, and stays in the legend
})

test("what stands in the figure already stays free", () => {
  const line = {x: [0, 300], y: [100, 100]}, box = {left: 150, top: 0, width: 150, height: 200}
  const [placed] = placedBeside([line], [NAME], ROOM, {boxes: [box]})
  assert.ok(placed && placed.left + placed.width < box.left)
  const [none] = placedBeside([line], [NAME], ROOM, {lines: [{x: [0, 300], y: [90, 90]}, {x: [0, 300], y: [110, 110]}]})
  assert.equal(none, undefined)
})

test("a name stays where it stands as long as that is no worse", () => {
  const line = {x: [0, 300], y: [100, 100]}
  const [there] = placedBeside([line], [NAME], ROOM, {}, [{left: 0, top: 0, width: 60, height: 13, at: 20, isAbove: false}])
  assert.deepEqual([there?.at, there?.isAbove], [20, false])
})

test("a mark has its name beside it", () => {
  const [placed] = placedBeside([{x: [4], y: [100]}], [NAME], ROOM)
  assert.ok(placed && placed.left > 4 && placed.left < 20)
  assert.equal(placed.top + placed.height / 2, 100)
})

test("a line that is not there, or a frame without room, has no names", () => {
  assert.deepEqual(placedBeside([{x: [], y: []}], [NAME], ROOM), [undefined])
  assert.deepEqual(placedBeside([{x: [0, 300], y: [100, 100]}], [NAME], {width: 40, height: 200}), [undefined])
})
