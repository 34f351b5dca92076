/**
 * Wraps the platform: what a scan of a tree reads. `.gitignore` decides for build folders, not for secrets: of what it leaves out, files
 * that git keeps all the same and files whose names tell of secrets are read. Symbolic links are never followed.
 */
import ignore, { type Ignore } from "ignore"
import { Buffer } from "node:buffer"
import * as fs from "node:fs"
import type { NotRead } from "../Finding.ts"
import * as openInside from "./openInside.ts"
import * as pathText from "./pathText.ts"
import * as trackedFiles from "./trackedFiles.ts"

/** A file of the tree. */
export interface ListedFile {
  /** Relative to the root, with forward slashes; see `pathText`. */
  readonly path: string
  readonly bytes: number
}

export interface Listed {
  readonly files: ReadonlyArray<ListedFile>
  readonly notRead: ReadonlyArray<NotRead>
}

interface Layer {
  readonly folder: string
  readonly rules: Ignore
}

/** What is known on the way into a folder. */
interface Inherited {
  readonly layers: ReadonlyArray<Layer>
  /** Whether a `.gitignore` leaves out the folder itself. */
  readonly isIgnored: boolean
  readonly tracked: Tracked | undefined
}

/** Files that git keeps, and the folders on the way to them. */
interface Tracked {
  readonly files: ReadonlySet<string>
  readonly folders: ReadonlySet<string>
}

/** All files under the root, in order. `onFolder` is told of each folder before it is looked into. */
export const list = (root: string, onFolder: () => void = () => {}): Listed => {
  const files: Array<ListedFile> = []
  const notRead: Array<NotRead> = []
  const visit = (folder: string, inherited: Inherited): void => {
    onFolder()
    const entries = openInside.folder(root, folder)
    if ("reason" in entries) {
      notRead.push({ path: pathText.show(folder === "" ? "." : folder), reason: entries.reason })
      return
    }
    const named = entries.map((entry) => ({ entry, name: pathText.fromBytes(entry.name) }))
    const prefix = folder === "" ? "" : `${folder}/`
    const ignores = named.some(({ entry, name }) => name === ".gitignore" && entry.isFile())
      ? openInside.bytesOf(root, `${prefix}.gitignore`, maxIgnoreBytes)
      : undefined
    const layers = ignores === undefined
      ? inherited.layers
      : [...inherited.layers, { folder, rules: ignore().add(ignores.toString("utf8")) }]
    const tracked = named.some(({ entry, name }) => name === ".git" && entry.isDirectory())
      ? trackedUnder(root, folder)
      : inherited.tracked
    for (const { entry, name } of named.toSorted((a, b) => a.name < b.name ? -1 : 1)) {
      if (name === ".git") continue
      const path = `${prefix}${name}`
      const isIgnored = inherited.isIgnored || leavesOut(layers, entry.isDirectory() ? `${path}/` : path)
      if (entry.isDirectory()) {
        if (!isIgnored || !installed.has(name) || tracked?.folders.has(path) === true) {
          visit(path, { layers, isIgnored, tracked })
        }
      } else if (entry.isFile() && (!isIgnored || tracked?.files.has(path) === true || tellsOfSecrets.test(name))) {
        files.push({ path, bytes: sizeOf(root, path) })
      }
    }
  }
  visit("", { layers: [], isIgnored: false, tracked: undefined })
  return { files, notRead }
}

const maxIgnoreBytes = 1024 * 1024
const maxIndexBytes = 256 * 1024 * 1024

/** Folders of what others have published. Left out, they are not even looked into. */
const installed: ReadonlySet<string> = new Set([
  ...["node_modules", "bower_components", ".pnpm-store", ".yarn", "vendor", ".venv", "venv", "__pycache__", ".tox"],
  ...[".cache", ".gradle", ".m2"]
])

const tellsOfSecrets = new RegExp(
  [
    /^\.env(?:\..*|rc)?$|\.env$|\.(?:pem|key|ppk|p12|pfx|jks|keystore|tfvars|tfstate|ovpn|asc)$/,
    /^id_(?:rsa|dsa|ecdsa|ed25519)|^\.(?:netrc|npmrc|pypirc|pgpass|htpasswd|git-credentials|dockercfg|s3cfg|boto|my\.cnf)$/,
    /^(?:credentials|secrets?|kubeconfig|service-?account.*)(?:\.[a-z0-9.]+)?$|^_netrc$|^wp-config\.php$/
  ].map(({ source }) => source).join("|"),
  "i"
)

const leavesOut = (layers: ReadonlyArray<Layer>, path: string): boolean => {
  let verdict = false
  for (const { folder, rules } of layers) {
    const { ignored, unignored } = rules.test(folder === "" ? path : path.slice(folder.length + 1))
    if (ignored) verdict = true
    if (unignored) verdict = false
  }
  return verdict
}

const trackedUnder = (root: string, folder: string): Tracked | undefined => {
  const prefix = folder === "" ? "" : `${folder}/`
  const index = openInside.bytesOf(root, `${prefix}.git/index`, maxIndexBytes)
  if (index === undefined) return undefined
  const files = new Set(trackedFiles.parse(index).map((path) => `${prefix}${path}`))
  const folders = new Set<string>()
  for (const path of files) {
    for (let at = path.lastIndexOf("/"); at > 0; at = path.lastIndexOf("/", at - 1)) {
      const one = path.slice(0, at)
      if (folders.has(one)) break
      folders.add(one)
    }
  }
  return { files, folders }
}

const sizeOf = (root: string, path: string): number => {
  try {
    return fs.lstatSync(Buffer.concat([pathText.toBytes(root), Buffer.from("/"), pathText.toBytes(path)])).size
  } catch {
    // Gone between the list and here: the scan will say so.
    return 0
  }
}
