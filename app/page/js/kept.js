// A user's own file, kept in this browser for a day so that a reload of the page finds it: one for each lab.

export const KEPT_MS = 24 * 3600 * 1000

const DATABASE = "amtlab", TABLE = "files"

/** @typedef {{file: File, at: number}} Kept */

/**
 * @template T
 * @param {IDBTransactionMode} mode
 * @param {(table: IDBObjectStore) => IDBRequest<T>} use
 * @returns {Promise<T>}
 */
function inTable(mode, use) {
  return new Promise((resolve, reject) => {
    const opening = indexedDB.open(DATABASE, 1)
    opening.onupgradeneeded = () => opening.result.createObjectStore(TABLE)
    opening.onerror = () => reject(opening.error)
    opening.onsuccess = () => {
      const database = opening.result
      const transaction = database.transaction(TABLE, mode)
      const request = use(transaction.objectStore(TABLE))
      transaction.oncomplete = () => {
        database.close()
        resolve(request.result)
      }
      transaction.onerror = transaction.onabort = () => {
        database.close()
        reject(transaction.error)
      }
    }
  })
}

/**
 * @param {string} lab address of its page
 * @param {File} file
 * @returns {Promise<boolean>} whether the browser keeps it
 */
export async function keepFile(lab, file) {
  try {
    await inTable("readwrite", (table) => table.put({file, at: Date.now()}, lab))
    return true
  } catch {
    return false  // a private window, a full disk
  }
}

/** @param {string} lab @returns {Promise<void>} */
export async function forgetFile(lab) {
  try {
    await inTable("readwrite", (table) => table.delete(lab))
  } catch { /* there is none */ }
}

/**
 * Look for the file of a lab; those of all labs that are older than a day are deleted.
 * @param {string} lab
 * @returns {Promise<Kept | null>}
 */
export async function keptFile(lab) {
  try {
    const labs = await inTable("readonly", (table) => table.getAllKeys())
    for (const each of labs) {
      /** @type {Kept | undefined} */
      const kept = await inTable("readonly", (table) => table.get(each))
      if (kept && Date.now() - kept.at > KEPT_MS) await forgetFile(String(each))
    }
    return await inTable("readonly", (table) => table.get(lab)) ?? null
  } catch {
    return null
  }
}
