// What a page does between its parts and the server: send changes, take in answers, keep the address up to date.

/** @import {Engine, EngineContent, Message, Store} from "./types" */

import {withUnderWay} from "./link.js"
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

  // Whether the server has not said yet that it has the controls that are hidden.
  let hiding = false
  const query = () => withUnderWay(link, {
    ...(hiding ? {hide: [...store.hidden].sort().join(",")} : {}),
    ...queue.underWay(),
  })
  const address = () => location.pathname + (query() ? `?${query()}` : "")
  let written = link, isWriting = false
  const writeAddress = () => {
    if (!permalink || isWriting) return
    isWriting = true
    setTimeout(() => {
      isWriting = false
      if (query() === written) return
      written = query()
      history.replaceState(history.state, "", address())
    }, CALM_MS)
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
    ask: queue.ask,
    drawn: queue.drawn,
    lost() {
      queue.lost()
      store.receivers.lost?.()
    },
    point: queue.point,
    address,
    set(key, value) {
      const before = store.values[key]
      store.values = {...store.values, [key]: value}
      notify(store, new Set([key]))
      if (value === before) return
      queue.set(key, value)
      writeAddress()
    },
    hide(key, hidden) {
      if (hidden) store.hidden.add(key)
      else store.hidden.delete(key)
      hiding = true
      sendHidden()
      writeAddress()
    },
    receive({type, answered, ...parts}) {
      if (answered !== undefined) queue.answered(answered)  // first: the values beside it are up to date
      for (const [part, fresh] of Object.entries(parts))
        /** @type {Record<string, (fresh: unknown) => void>} */ (store.receivers)[part]?.(fresh)
      writeAddress()
    },
    found() {
      queue.found()
      if (hiding) sendHidden()
      send({type: "hello"})  // afterwards: its answer is the present picture then
    },
  }
  store.engine = engine
  const starting = store.starting
  store.starting = null
  for (const run of starting ?? []) run()
  return engine
}
