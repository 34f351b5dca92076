/**
 * What servers list for clients that ask once and keep nothing themselves, kept for others: a shell completes names from it.
 */
import { Catalogue } from "../Catalogue.ts"
import * as CatalogueFiles from "../CatalogueFiles.ts"
import type { Memory } from "../HostSession.ts"
import * as ServerLists from "../ServerLists.ts"

/** Touches no file before there is a list to keep. */
export const keepLists = (options: CatalogueFiles.CatalogueFilesOptions): Memory["learn"] => {
  let isOpen = false
  let catalogue: Catalogue | undefined
  return (request, answer, initialize) => {
    if (!ServerLists.all.has(request.method ?? "")) return
    if (!isOpen) {
      isOpen = true
      const store = CatalogueFiles.open(options)
      catalogue = store && new Catalogue({ store, name: CatalogueFiles.nameOf(options.wants) })
    }
    catalogue?.learn(request, answer, initialize)
  }
}
