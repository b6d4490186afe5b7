import assert from "node:assert/strict"
import {beforeEach, test} from "node:test"

import {ASK_AFTER_MS, watchSilence} from "../../app/page/js/silence.js"

let shown, asked, there, silence

const isThere = async () => {
  asked += 1
  if (!there) throw new Error("no answer")
}

beforeEach((context) => {
  shown = []
  asked = 0
  there = true
  silence = watchSilence(isThere, (is) => shown.push(is))
})

/** Let so much time go by, and everything that waits for it run. */
async function after(context, ms) {
  context.mock.timers.tick(ms)
  for (let i = 0; i < 5; i += 1) await Promise.resolve()
}

test("a server that is busy, but there, is not said to be silent", async (context) => {
  context.mock.timers.enable({apis: ["setTimeout"]})
  silence.waiting()
  await after(context, ASK_AFTER_MS)
  assert.deepEqual([asked, shown], [1, [false]])
})

test("a network that hangs is said within five seconds, and no longer once the answer is there", async (context) => {
  context.mock.timers.enable({apis: ["setTimeout"]})
  there = false
  silence.waiting()
  silence.waiting()
  await after(context, ASK_AFTER_MS)
  assert.deepEqual([asked, shown], [1, [true]])
  silence.answered()
  assert.deepEqual(shown, [true, false])
  await after(context, 10 * ASK_AFTER_MS)
  assert.equal(asked, 1)
})

test("an answer that comes in time asks nothing", async (context) => {
  context.mock.timers.enable({apis: ["setTimeout"]})
  silence.waiting()
  await after(context, ASK_AFTER_MS - 1)
  silence.answered()
  await after(context, ASK_AFTER_MS)
  assert.equal(asked, 0)
})
