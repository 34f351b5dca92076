/**
 * Packages from npm that nightly runs need: installed once, into `HOLDFAST_SERVERS_CACHE` (default: `holdfast/servers` in the user's cache
 * folder), without the scripts of their packages.
 */
import { execFileSync } from "node:child_process"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"

const cache = process.env["HOLDFAST_SERVERS_CACHE"] ??
  path.join(process.env["XDG_CACHE_HOME"] ?? path.join(os.homedir(), ".cache"), "holdfast", "servers")

export interface NpmPackage {
  readonly name: string
  readonly version: string
}

/** Its folder, with the package installed in it. */
export const install = ({ name, version }: NpmPackage): string => {
  const folder = path.join(cache, `${name.replaceAll("/", "+")}@${version}`)
  const done = path.join(folder, ".installed")
  if (fs.existsSync(done)) return folder
  fs.mkdirSync(folder, { recursive: true })
  fs.writeFileSync(path.join(folder, "package.json"), `{"private":true}`)
  const options = ["--ignore-scripts", "--omit=dev", "--no-audit", "--no-fund", "--loglevel=error"]
  execFileSync("npm", ["install", ...options, `${name}@${version}`], {
    cwd: folder,
    stdio: ["ignore", "ignore", "inherit"]
  })
  fs.writeFileSync(done, "")
  return folder
}
