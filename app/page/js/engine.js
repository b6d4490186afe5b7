// What a page does between its parts and the server: send changes, take in answers, keep the address up to date.

/** @import {Engine, EngineContent, Message, Store} from "./types" */

import {withUnderWay} from "./link.js"
import {createMoves} from "./moves.js"
import {createQueue} from "./queue.js"
import {notify} from "./store.js"

// The address follows what is moved after so long, ms: browsers allow a page only so many changes of it.
const CALM_MS = 350

/**
 * @param {(message: Message) => void} send
 * @param {Store} store
 * @param {EngineContent} content
 * @returns {Engine}
 */
export function startEngine(send, store, {values, link, permalink, frame}) {
  Object.assign(store, {values: {...values}, hidden: new Set(frame.hide), frame, permalink})
  const queue = createQueue(send, (is) => store.showComputing(is))
  const moves = createMoves()
  if (permalink) {
    window.addEventListener("pointerdown", moves.press, true)
    for (const end of ["pointerup", "pointercancel"]) window.addEventListener(end, moves.release, true)
  }

  // Whether the server has not said yet that it has the controls that are hidden.
  let hiding = false
  const query = () => withUnderWay(link, {
    ...(hiding ? {hide: [...store.hidden].sort().join(",")} : {}),
    ...queue.underWay(),
  })
  const address = () => location.pathname + (query() ? `?${query()}` : "")
  /** @type {string | null} */
  let written = link
  let isWriting = false
  // The lesson of the address that stands there: another one gets an entry of its own in the browser's history.
  let entry = frame.lesson
  // Where the browser's Back and Forward lead, until the server is there.
  /** @type {string | null} */
  let opening = null
  const replaceAddress = () => {
    if (opening !== null || query() === written) return
    written = query()
    history.replaceState({lesson: entry}, "", address())
  }
  const writeAddress = () => {
    if (!permalink || isWriting) return
    isWriting = true
    setTimeout(() => {
      isWriting = false
      replaceAddress()
    }, CALM_MS)
  }
  const open = (/** @type {string} */ to) => queue.ask({type: "open", link: to})
  if (permalink) {
    history.replaceState({lesson: entry}, "")
    window.addEventListener("popstate", ({state}) => {
      const there = location.search.slice(1)
      if (there === written) return  // the fragment alone
      entry = state?.lesson ?? new URLSearchParams(there).get("lesson") ?? ""
      written = opening = there
      open(there)
    })
  }
  const sendHidden = () => queue.ask({type: "hide", keys: [...store.hidden]})

  store.receivers.values = (fresh) => {
    // What the server says of a value that is on its way there is out of date.
    const underWay = queue.underWay()
    const moved = Object.keys(fresh).filter((key) => !(key in underWay) && store.values[key] !== fresh[key])
    for (const key of moved) store.values[key] = fresh[key]
    if (moved.length) notify(store, new Set(moved))
  }
  store.receivers.controls = (fresh) => {
    if (permalink && fresh.lesson !== entry) {
      replaceAddress()  // Back leads to what was there last
      entry = fresh.lesson
      written = null
    }
    store.frame = fresh
    store.hidden = new Set(fresh.hide)
    hiding = false
    notify(store)
    store.receivers.frame?.()
  }
  store.receivers.link = (fresh) => {
    link = fresh
    hiding = false
  }

  /** @type {Engine} */
  const engine = {
    ask(message) {
      store.say("")  // what was said of an earlier press
      queue.ask(message)
    },
    drawn: queue.drawn,
    lost() {
      queue.lost()
      store.receivers.lost?.()
    },
    point: (place) => queue.point(place, moves.of(place.figure)),
    address,
    set(key, value) {
      if (store.asking) {
        notify(store, new Set([key]))  // back to what holds
        return
      }
      const before = store.values[key]
      store.values = {...store.values, [key]: value}
      notify(store, new Set([key]))
      if (value === before) return
      queue.set(key, value, moves.of(key))
      writeAddress()
    },
    hide(key, hidden) {
      if (hidden) store.hidden.add(key)
      else store.hidden.delete(key)
      hiding = true
      sendHidden()
      writeAddress()
    },
    receive({type, answered, opened, ...parts}) {
      if (opened === opening) opening = null
      if (answered !== undefined) queue.answered(answered)  // first: the values beside it are up to date
      for (const [part, fresh] of Object.entries(parts))
        /** @type {Record<string, (fresh: unknown) => void>} */ (store.receivers)[part]?.(fresh)
      if (permalink && written === null) {
        written = query()
        history.pushState({lesson: entry}, "", address())
      }
      writeAddress()
    },
    found() {
      queue.found()
      if (hiding) sendHidden()
      if (opening !== null) open(opening)
      send({type: "hello"})  // afterwards: its answer is the present picture then
    },
  }
  store.engine = engine
  const starting = store.starting
  store.starting = null
  for (const run of starting ?? []) run()
  return engine
}
