/* What the pages of one browser share: one connection. */
import { Share } from "./share.js";

const share = new Share();
self.onconnect = (e) => share.attach(e.ports[0]);
