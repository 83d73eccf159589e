#include "trainer/task.hpp"

#include "trainer/models/diffusion_model.hpp"
#include "trainer/models/spark.hpp"

namespace gyrus {

std::unique_ptr<Task> make_task(const Options& options, std::shared_ptr<const Dataset> dataset,
                                torch::Device device) {
  return options.model.kind == "spark" ? make_spark_task(options, std::move(dataset), device)
                                       : make_diffusion_task(options, std::move(dataset), device);
}

std::shared_ptr<torch::nn::Module> make_network(const ModelOptions& options) {
  if (options.kind == "spark") return std::make_shared<SparkModel>(options.encoder, options.spark);
  return std::make_shared<DiffusionModel>(options);
}

}  // namespace gyrus
