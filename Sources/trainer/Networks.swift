import Configuration
import Layers
import Models

/// The one line that joins the towers: a run file's section `model` becomes a network of the catalogue.
func makeNetwork(_ model: ConfigSection, classes: Int) throws -> any Module {
  try ModelCatalog.network(model, classes: classes)
}
