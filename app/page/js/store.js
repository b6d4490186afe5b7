// What the parts of one page share: the present values, and what wants to know of a change.

/** @import {Store} from "./types" */

/** @type {Map<string, Store>} */
const stores = new Map()

/**
 * @param {string} id of the page
 * @returns {Store}
 */
export function storeOf(id) {
  let store = stores.get(id)
  if (!store) {
    store = {
      id, values: {}, frame: {lesson: "", made: "", hide: [], undo: false, redo: false, unsaved: false, carried: ""}, hidden: new Set(),
      permalink: false, editing: false, explaining: false, asking: false, fileAtRisk: false, watchers: new Set(),
      followers: new Set(),
      receivers: {}, starting: [], corner: null, drawer: null, skipTo: null, views: [], axes: {}, title: "", story: null,
      showComputing: () => {}, repaint: () => {}, engine: null, presenting: false, present: () => {}, leading: "",
      silence: null, say: () => {}, complain: () => {},
    }
    stores.set(id, store)
  }
  return store
}

/**
 * Let one thing of a page sound at a time: what sounded before is silenced.
 * @param {Store} store
 * @param {() => void} silence ends what sounds now
 */
export function soundAlone(store, silence) {
  if (store.silence !== silence) store.silence?.()
  store.silence = silence
}

/**
 * Run when the page's engine has started: a part may be drawn before the figures, which start it.
 * @param {Store} store
 * @param {() => void} run
 */
export function whenStarted(store, run) {
  if (store.starting) store.starting.push(run)
  else run()
}

/**
 * Tell everything that shows values what has moved.
 * @param {Store} store
 * @param {Set<string>} [moved] keys; none of them where only what is shown has changed
 */
export function notify(store, moved = new Set()) {
  for (const watcher of store.watchers) watcher(moved)
}
