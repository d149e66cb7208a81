// Gives exports the names of the contract, which no identifier of the language can be.

import binaryen from "binaryen";
import { Transform } from "assemblyscript/transform";

const NAMES = {
  configure: "tidegate:gateway/configuration@0.1.0#configure",
  onRequest: "tidegate:gateway/request-policy@0.1.0#on-request",
};

export default class extends Transform {
  afterCompile(module) {
    for (const [written, wanted] of Object.entries(NAMES)) {
      const { value } = binaryen.getExportInfo(module.getExport(written));
      module.removeExport(written);
      module.addFunctionExport(value, wanted);
    }
  }
}
