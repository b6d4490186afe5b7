import assert from "node:assert/strict"
import {test} from "node:test"

import {withUnderWay} from "../../app/page/js/link.js"

test("a link with nothing under way is the server's, letter for letter", () => {
  assert.equal(withUnderWay("hide=a%2Cb&t=x~%20y", {}), "hide=a%2Cb&t=x~%20y")
  assert.equal(withUnderWay("", {}), "")
})

test("a value under way takes the place of the one in the link", () => {
  assert.equal(withUnderWay("theme=dark&s.level=60&f.order=2", {"s.level": 72.5}), "theme=dark&s.level=72.5&f.order=2")
})

test("a value that the link lacks is added", () => {
  assert.equal(withUnderWay("", {"s.level": 72}), "s.level=72")
  assert.equal(withUnderWay("lesson=one", {"v.follow": true, "s.kind": "pink"}), "lesson=one&v.follow=true&s.kind=pink")
})

test("a pinned state that holds the same key is not touched", () => {
  const link = "s.level=60&a=s.level%3D50%26f.order%3D2"
  assert.equal(withUnderWay(link, {"s.level": 61}), "s.level=61&a=s.level%3D50%26f.order%3D2")
})

test("text is written so that it reads back, with its commas as they are", () => {
  const text = "401, 503 & more=1 ~ ä"
  const link = withUnderWay("", {"n.delays": text})
  assert.equal(new URLSearchParams(link).get("n.delays"), text)
  assert.match(link, /401,/)
})
