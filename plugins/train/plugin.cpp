// SPDX-License-Identifier: Apache-2.0
#include <espalier/dataset.hpp>
#include <espalier/network.hpp>
#include <espalier/plugin.hpp>
#include <espalier/results.hpp>

#include "params.hpp"

namespace {

using espalier::StageBuilder;
using espalier::train::Params;
using espalier::train::RobustParams;

/// What all ways of training have in common; P is Params, or derived from it.
template <class P>
void describe_recipe(StageBuilder<P>& stage) {
  const auto add = [&]<class M>(const char* name, M Params::*member, const char* doc) -> StageBuilder<P>& {
    return stage.param(name, static_cast<M P::*>(member), doc);
  };
  stage.revision(2)
      .repeatable(espalier::Repeatable::same_machine)
      .uses_device()
      .template output<espalier::Network>("network", "the trained network")
      .template output<espalier::Metrics>("history",
                                          "loss, learning rate and accuracy an epoch; accuracy on the test split");
  add("epochs", &Params::epochs, "how often the training images are seen at most").range(1, 100000);
  add("batch_size", &Params::batch_size, "images a step; a single image left over joins the last batch")
      .range(1, 1000000);
  add("learning_rate", &Params::learning_rate, "step length at the start").range(0, 1000);
  add("momentum", &Params::momentum, "Nesterov momentum").range(0, 1);
  add("weight_decay", &Params::weight_decay, "times a parameter, is added to its gradient; for all parameters")
      .range(0, 1000);
  add("gamma_l1", &Params::gamma_l1, "sparse training: times sign(gamma), is added to the gradient of gamma")
      .range(0, 1000);
  add("factor", &Params::factor, "what the learning rate is multiplied with when the loss stops decreasing")
      .range(0, 1);
  add("patience", &Params::patience, "the rate drops after more than so many epochs without a lower loss")
      .range(0, 100000);
  add("stop_patience", &Params::stop_patience, "training ends after more than so many epochs without a lower loss")
      .range(0, 100000);
  add("holdout", &Params::holdout,
      "the last so many training images are not trained on but monitored. Section 5.1 trains on all 60 000 and "
      "does not say which loss its schedule follows: that is 0 here, and the training loss is monitored")
      .range(0, 1e9);
  add("seed", &Params::seed, "of the initial weights and the order of the images").range(0, 9e15);
}

void describe_robust(StageBuilder<RobustParams> stage) {
  stage
      .doc(
          "Trains a network on so that it can be proven robust. Pruned weights stay zero. Batch norm takes its "
          "statistics from the images as they are, for boxes and attacked images too. The history also has the "
          "shares of the held-out images that intervals verify (in single precision: a guide, no proof) and that "
          "withstand the attack of the training")
      .single_threaded()
      .input<espalier::Network>("network", "a chain of linear, batch norm and ReLU layers that ends with a linear one")
      .input<espalier::Dataset>("dataset", "images to learn")
      .param("method", &RobustParams::method,
             "what is learned: adversarial images (Madry et al. 2018), the worst that intervals allow in the box "
             "(Gowal et al. 2018), or the same in a small box around an adversarial image (Mueller et al. 2023)")
      .choices({"pgd", "ibp", "sabr"})
      .param("epsilon", &RobustParams::epsilon, "radius of the box around an image, in pixel units")
      .range(0, 1)
      .param("ramp_epochs", &RobustParams::ramp_epochs,
             "epochs in which the radius grows in equal steps before it is epsilon; the schedule starts after them")
      .range(0, 100000)
      .param("kappa", &RobustParams::kappa,
             "share of the loss of the images as they are; it falls from 1 to this while the radius grows")
      .range(0, 1)
      .param("sabr_lambda", &RobustParams::sabr_lambda, "sabr: radius of the small box, as a share of the radius")
      .range(0, 1)
      .param("attack_steps", &RobustParams::attack_steps, "pgd, sabr: steps to the adversarial image")
      .range(0, 1000)
      .param("attack_step", &RobustParams::attack_step, "pgd, sabr: length of a step, as a share of the radius")
      .range(0, 2)
      .param("relu_stability", &RobustParams::relu_stability,
             "weight of the loss -tanh(1 + l u) of each hidden neuron with bounds l and u in the box (Xiao et al. "
             "2019), which is low when no neuron changes sign")
      .range(0, 1000)
      .param("l1", &RobustParams::l1, "times sign(weight), is added to the gradient of a linear layer's weight")
      .range(0, 1000);
  describe_recipe(stage);
}

}  // namespace

ESPALIER_PLUGIN(plugin) {
  plugin.name("train").version("0.1.0").doc("Trains and fine-tunes networks with stochastic gradient descent.");
  StageBuilder<Params> sgd = plugin.stage("sgd", espalier::train::sgd);
  sgd.doc(
         "Trains a fully connected ReLU network from scratch. The recipe of Guidotti et al. 2020, section 5.1, "
         "with the loss on a holdout to steer its schedule.")
      .input<espalier::Dataset>("dataset", "images to learn")
      .param("hidden", &Params::hidden, "neurons of each hidden layer")
      .range(1, 1000000)
      .required()
      .param("batch_norm", &Params::batch_norm, "a batch norm layer after each hidden linear layer");
  describe_recipe(sgd);

  StageBuilder<Params> finetune = plugin.stage("finetune", espalier::train::finetune);
  finetune.doc("Trains a network on from the weights it has. Pruned weights stay zero.")
      .input<espalier::Network>("network", "a chain of linear, batch norm and ReLU layers")
      .input<espalier::Dataset>("dataset", "images to learn");
  describe_recipe(finetune);

  describe_robust(plugin.stage("robust", espalier::train::robust));
}
