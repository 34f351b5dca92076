/** The daemon in the foreground. */
import { foreground } from "../../src/DaemonProcess.ts"

foreground()
