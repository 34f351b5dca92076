/** Part of `pnpm version-packages`: writes each package's version into the source that tells it to others. */
import * as Fs from "node:fs"
import * as Path from "node:path"
import { stampOf, versionFiles } from "./release/VersionStamp.ts"

const root = Path.resolve(import.meta.dirname, "..")
for (const file of versionFiles(root)) Fs.writeFileSync(Path.join(root, file), stampOf(root, file))
