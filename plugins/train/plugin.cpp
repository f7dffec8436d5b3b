// SPDX-License-Identifier: Apache-2.0
#include <espalier/dataset.hpp>
#include <espalier/network.hpp>
#include <espalier/plugin.hpp>
#include <espalier/results.hpp>

#include "params.hpp"

namespace {

using espalier::train::Params;
using Stage = espalier::StageBuilder<Params>;

/// What training from scratch and fine-tuning have in common.
void describe_recipe(Stage& stage) {
  stage.revision(1)
      .repeatable(espalier::Repeatable::same_machine)
      .uses_device()
      .output<espalier::Network>("network", "the trained network")
      .output<espalier::Metrics>("history", "loss, learning rate and accuracy an epoch; accuracy on the test split")
      .param("epochs", &Params::epochs, "how often the training images are seen at most")
      .range(1, 100000)
      .param("batch_size", &Params::batch_size, "images a step; a single image left over joins the last batch")
      .range(1, 1000000)
      .param("learning_rate", &Params::learning_rate, "step length at the start")
      .range(0, 1000)
      .param("momentum", &Params::momentum, "Nesterov momentum")
      .range(0, 1)
      .param("weight_decay", &Params::weight_decay, "times a parameter, is added to its gradient; for all parameters")
      .range(0, 1000)
      .param("gamma_l1", &Params::gamma_l1, "sparse training: times sign(gamma), is added to the gradient of gamma")
      .range(0, 1000)
      .param("factor", &Params::factor, "what the learning rate is multiplied with when the loss stops decreasing")
      .range(0, 1)
      .param("patience", &Params::patience, "the rate drops after more than so many epochs without a lower loss")
      .range(0, 100000)
      .param("stop_patience", &Params::stop_patience,
             "training ends after more than so many epochs without a lower loss")
      .range(0, 100000)
      .param("holdout", &Params::holdout,
             "the last so many training images are not trained on but monitored. Section 5.1 trains on all 60 000 and "
             "does not say which loss its schedule follows: that is 0 here, and the training loss is monitored")
      .range(0, 1e9)
      .param("seed", &Params::seed, "of the initial weights and the order of the images")
      .range(0, 9e15);
}

}  // namespace

ESPALIER_PLUGIN(plugin) {
  plugin.name("train").version("0.1.0").doc("Trains and fine-tunes networks with stochastic gradient descent.");
  Stage sgd = plugin.stage("sgd", espalier::train::sgd);
  sgd.doc(
         "Trains a fully connected ReLU network from scratch. The recipe of Guidotti et al. 2020, section 5.1, "
         "with the loss on a holdout to steer its schedule.")
      .input<espalier::Dataset>("dataset", "images to learn")
      .param("hidden", &Params::hidden, "neurons of each hidden layer")
      .range(1, 1000000)
      .required()
      .param("batch_norm", &Params::batch_norm, "a batch norm layer after each hidden linear layer");
  describe_recipe(sgd);

  Stage finetune = plugin.stage("finetune", espalier::train::finetune);
  finetune.doc("Trains a network on from the weights it has. Pruned weights stay zero.")
      .input<espalier::Network>("network", "a chain of linear, batch norm and ReLU layers")
      .input<espalier::Dataset>("dataset", "images to learn");
  describe_recipe(finetune);
}
