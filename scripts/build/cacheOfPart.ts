/**
 * `node cacheOfPart.ts PART FILE`: writes what V8 has compiled of the whole program once all of its modules are loaded. Only the same Node takes it.
 */
import * as Fs from "node:fs"
import { createRequire } from "node:module"
import { Script } from "node:vm"

const [part = "", file = ""] = process.argv.slice(2)
const source = Fs.readFileSync(part, "utf8")
const script = new Script(source)
const exports: { readonly modules?: Readonly<Record<string, () => Promise<unknown>>> } = {}
script.runInThisContext()(exports, createRequire(part), part)
await Promise.all(Object.values(exports.modules ?? {}).map((load) => load()))
const cachedData = script.createCachedData()
if (new Script(source, { cachedData }).cachedDataRejected !== false) throw new Error("V8 does not take its own cache")
Fs.writeFileSync(file, cachedData)
// A module may have begun to listen for something.
process.exit(0)
