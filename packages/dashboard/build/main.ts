/** Writes the page into `dist/page`: a step of `pnpm build`. */
import * as Fs from "node:fs"
import * as Path from "node:path"
import { bundlePage } from "./bundlePage.ts"

const folder = Path.resolve(import.meta.dirname, "../dist/page")
const { script, style } = await bundlePage()
Fs.mkdirSync(folder, { recursive: true })
Fs.writeFileSync(Path.join(folder, "page.js"), script)
Fs.writeFileSync(Path.join(folder, "page.css"), style)
