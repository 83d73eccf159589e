// The steps n4 and register with ITK, whose headers stay in this file; a build without it has itk_absent.cpp.
#include "data/source/itk_steps.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <itkAffineTransform.h>
#include <itkBSplineControlPointImageFilter.h>
#include <itkBSplineInterpolateImageFunction.h>
#include <itkCenteredTransformInitializer.h>
#include <itkConjugateGradientLineSearchOptimizerv4.h>
#include <itkDiscreteGaussianImageFilter.h>
#include <itkImageRegistrationMethodv4.h>
#include <itkLinearInterpolateImageFunction.h>
#include <itkMattesMutualInformationImageToImageMetricv4.h>
#include <itkN4BiasFieldCorrectionImageFilter.h>
#include <itkNearestNeighborInterpolateImageFunction.h>
#include <itkRegistrationParameterScalesFromPhysicalShift.h>
#include <itkResampleImageFilter.h>
#include <itkShrinkImageFilter.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <mutex>
#include <vector>

#include "data/source/preprocess.hpp"
#include "launch/error.hpp"

namespace gyrus {
namespace {

template <class T>
using ItkImage = itk::Image<T, 3>;
using FloatImage = ItkImage<float>;
using LabelImage = ItkImage<std::uint8_t>;
using AffineTransform = itk::AffineTransform<double, 3>;

// As published (method.md 1.5): N4's tolerance and the smoothing of its weights; ANTs' mesh.
constexpr double convergence_threshold = 5e-4;
constexpr double weight_sigma_mm = 1.0;
constexpr double mesh_mm = 200.0;
constexpr unsigned spline_order = 3;
// Darker than this part of the median is no tissue; its logarithm would stretch the histogram.
constexpr double darkest_tissue = 0.01;

constexpr unsigned num_histogram_bins = 32;
constexpr std::array<unsigned, 3> shrink_of_level = {4, 2, 1};
constexpr std::array<double, 3> sigma_of_level = {2.0, 1.0, 0.0};  // voxels
constexpr double samples_of_level = 30000.0;                       // the cost of an iteration
constexpr unsigned max_iterations_of_level = 100;
constexpr int sampling_seed = 1;

/// ITK divides sums among its threads, so that results would depend on their number; volumes are prepared in
/// threads of ours. Settings that the environment may have made give way.
void use_one_thread() {
  static std::once_flag once;
  std::call_once(once, [] {
    itk::MultiThreaderBase::SetGlobalDefaultThreader(itk::MultiThreaderBaseEnums::Threader::Platform);
    itk::MultiThreaderBase::SetGlobalDefaultNumberOfThreads(1);
    FloatImage::New();  // looks for factories, which is not safe in threads
  });
}

/// The same voxels in the same order: what runs fastest is ITK's first axis, z.
template <class T>
typename ItkImage<T>::Pointer to_itk(const Grid<T>& grid) {
  auto image = ItkImage<T>::New();
  typename ItkImage<T>::SizeType size;
  for (unsigned axis = 0; axis < 3; ++axis) size[axis] = static_cast<std::size_t>(grid.size[2 - axis]);
  image->SetRegions(size);
  image->Allocate();
  std::copy(grid.values.begin(), grid.values.end(), image->GetBufferPointer());
  return image;
}

template <class T>
Grid<T> from_itk(const ItkImage<T>& image) {
  const auto size = image.GetBufferedRegion().GetSize();
  Grid<T> grid({static_cast<std::int64_t>(size[2]), static_cast<std::int64_t>(size[1]),
                static_cast<std::int64_t>(size[0])});
  std::copy_n(image.GetBufferPointer(), grid.values.size(), grid.values.begin());
  return grid;
}

void set_spacing(itk::ImageBase<3>& image, const std::array<double, 3>& spacing) {
  const double reversed[] = {spacing[2], spacing[1], spacing[0]};
  image.SetSpacing(reversed);
}

/// @pre the affine has an inverse
void place(itk::ImageBase<3>& image, const Affine& affine) {
  itk::ImageBase<3>::DirectionType direction;
  itk::ImageBase<3>::SpacingType spacing;
  itk::ImageBase<3>::PointType origin;
  for (unsigned axis = 0; axis < 3; ++axis) {
    const auto& m = affine;
    const unsigned ours = 2 - axis;
    spacing[axis] = std::hypot(m[0][ours], m[1][ours], m[2][ours]);
    for (unsigned row = 0; row < 3; ++row) direction[row][axis] = m[row][ours] / spacing[axis];
    origin[axis] = m[axis][3];
  }
  image.SetSpacing(spacing);
  image.SetOrigin(origin);
  image.SetDirection(direction);
}

void check_affine(const PlacedImage& image) {
  const auto& m = image.affine;
  double volume = m[0][0] * (m[1][1] * m[2][2] - m[1][2] * m[2][1]) -
                  m[0][1] * (m[1][0] * m[2][2] - m[1][2] * m[2][0]) +
                  m[0][2] * (m[1][0] * m[2][1] - m[1][1] * m[2][0]);
  for (int axis = 0; axis < 3; ++axis) volume /= std::hypot(m[0][axis], m[1][axis], m[2][axis]);
  if (!(std::abs(volume) > 1e-3))
    throw DataError(fmt::format(
        "{}: its affine has no inverse, so that its place for the step register is unknown", image.name));
}

/// The part of the mask whose logarithm tells something.
Grid<std::uint8_t> tissue_inside(const Grid<float>& image, const Grid<std::uint8_t>& mask,
                                 const std::string& name) {
  const double median = percentiles_inside(image, mask, {50.0}).front();
  if (!(median > 0.0))
    throw DataError(fmt::format(
        "{}: the step n4 needs intensities above 0, but the median of the brain is {}", name, median));
  auto tissue = mask;
  for (std::size_t i = 0; i < image.values.size(); ++i)
    tissue.values[i] = mask.values[i] != 0 && image.values[i] > darkest_tissue * median;
  return tissue;
}

/// A mesh needs an extent.
void check_size(const std::array<std::int64_t, 3>& size, std::int64_t shrink, const std::string& name) {
  if (*std::min_element(size.begin(), size.end()) < 2 * shrink)
    throw DataError(fmt::format(
        "{}: the step n4 needs {} voxels or more along each axis with data.n4.shrink={}, but there are {}",
        name, 2 * shrink, shrink, fmt::join(size, "x")));
}

template <class Image>
typename Image::Pointer shrunk(const Image& image, std::int64_t factor) {
  const auto filter = itk::ShrinkImageFilter<Image, Image>::New();
  filter->SetInput(&image);
  filter->SetShrinkFactors(static_cast<unsigned>(factor));
  filter->Update();
  return filter->GetOutput();
}

/// N4 divides by the range of the logarithms.
void check_contrast(const FloatImage& image, const LabelImage& tissue, std::int64_t shrink,
                    const std::string& name) {
  float low = std::numeric_limits<float>::max(), high = 0.0f;
  for (std::size_t i = 0; i < tissue.GetBufferedRegion().GetNumberOfPixels(); ++i) {
    if (tissue.GetBufferPointer()[i] == 0) continue;
    low = std::min(low, image.GetBufferPointer()[i]);
    high = std::max(high, image.GetBufferPointer()[i]);
  }
  if (!(low < high))
    throw DataError(
        fmt::format("{}: the step n4 finds no two intensities in the brain with data.n4.shrink={}; give a "
                    "smaller one, or leave the volume out",
                    name, shrink));
}

using N4 = itk::N4BiasFieldCorrectionImageFilter<FloatImage, LabelImage, FloatImage>;
using Lattice = N4::BiasFieldControlPointLatticeType;

Lattice::ConstPointer estimate_field(const FloatImage& image, const LabelImage& tissue,
                                     const FloatImage& weights, const std::vector<std::int64_t>& iterations) {
  N4::VariableSizeArrayType most(static_cast<unsigned>(iterations.size()));
  for (unsigned level = 0; level < most.Size(); ++level)
    most[level] = static_cast<unsigned>(iterations[level]);
  N4::ArrayType levels, points;
  levels.Fill(most.Size());
  for (unsigned axis = 0; axis < 3; ++axis) {
    const double extent =
        static_cast<double>(image.GetBufferedRegion().GetSize()[axis]) * image.GetSpacing()[axis];
    points[axis] = static_cast<unsigned>(std::max(1.0, std::round(extent / mesh_mm))) + spline_order;
  }
  const auto n4 = N4::New();
  n4->SetInput(&image);
  n4->SetMaskImage(&tissue);
  n4->SetConfidenceImage(&weights);
  n4->SetSplineOrder(spline_order);
  n4->SetNumberOfControlPoints(points);
  n4->SetNumberOfFittingLevels(levels);
  n4->SetMaximumNumberOfIterations(most);
  n4->SetConvergenceThreshold(convergence_threshold);
  n4->Update();
  return n4->GetLogBiasFieldControlPointLattice();
}

void divide_by_field(Grid<float>& grid, const FloatImage& image, const Lattice& lattice) {
  const auto field = itk::BSplineControlPointImageFilter<Lattice, N4::ScalarImageType>::New();
  field->SetInput(&lattice);
  field->SetSplineOrder(spline_order);
  field->SetSize(image.GetBufferedRegion().GetSize());
  field->SetSpacing(image.GetSpacing());
  field->SetOrigin(image.GetOrigin());
  field->SetDirection(image.GetDirection());
  field->Update();
  const auto* logarithm = field->GetOutput()->GetBufferPointer();
  for (std::size_t i = 0; i < grid.values.size(); ++i) grid.values[i] /= std::exp(logarithm[i][0]);
}

AffineTransform::Pointer centred(const FloatImage& fixed, const FloatImage& moving) {
  const auto transform = AffineTransform::New();
  transform->SetIdentity();
  const auto initializer = itk::CenteredTransformInitializer<AffineTransform, FloatImage, FloatImage>::New();
  initializer->SetTransform(transform);
  initializer->SetFixedImage(&fixed);
  initializer->SetMovingImage(&moving);
  initializer->MomentsOn();
  initializer->InitializeTransform();
  return transform;
}

/// Moves the transform to where the images tell most about each other.
void optimise(AffineTransform& transform, const FloatImage& fixed, const FloatImage& moving) {
  using Metric = itk::MattesMutualInformationImageToImageMetricv4<FloatImage, FloatImage>;
  using Method = itk::ImageRegistrationMethodv4<FloatImage, FloatImage, AffineTransform>;
  constexpr unsigned num_levels = shrink_of_level.size();
  const auto metric = Metric::New();
  metric->SetNumberOfHistogramBins(num_histogram_bins);
  metric->SetUseFixedImageGradientFilter(false);  // gradients at the samples alone
  metric->SetUseMovingImageGradientFilter(false);
  const auto scales = itk::RegistrationParameterScalesFromPhysicalShift<Metric>::New();
  scales->SetMetric(metric);
  const auto optimizer = itk::ConjugateGradientLineSearchOptimizerv4Template<double>::New();
  optimizer->SetNumberOfIterations(max_iterations_of_level);
  optimizer->SetScalesEstimator(scales);
  optimizer->SetLowerLimit(0.0);
  optimizer->SetUpperLimit(2.0);
  optimizer->SetEpsilon(0.05);
  optimizer->SetMinimumConvergenceValue(1e-6);
  optimizer->SetConvergenceWindowSize(10);
  optimizer->SetReturnBestParametersAndValue(true);

  Method::ShrinkFactorsArrayType factors(num_levels);
  Method::SmoothingSigmasArrayType sigmas(num_levels);
  Method::MetricSamplingPercentageArrayType shares(num_levels);
  const auto voxels = static_cast<double>(fixed.GetBufferedRegion().GetNumberOfPixels());
  for (unsigned level = 0; level < num_levels; ++level) {
    factors[level] = shrink_of_level[level];
    sigmas[level] = sigma_of_level[level];
    shares[level] = std::min(1.0, samples_of_level * std::pow(shrink_of_level[level], 3.0) / voxels);
  }
  const auto method = Method::New();
  method->SetFixedImage(&fixed);
  method->SetMovingImage(&moving);
  method->SetInitialTransform(&transform);
  method->InPlaceOn();
  method->SetMetric(metric);
  method->SetOptimizer(optimizer);
  method->SetNumberOfLevels(num_levels);
  method->SetShrinkFactorsPerLevel(factors);
  method->SetSmoothingSigmasPerLevel(sigmas);
  method->SetSmoothingSigmasAreSpecifiedInPhysicalUnits(false);
  method->SetMetricSamplingStrategy(Method::MetricSamplingStrategyEnum::REGULAR);
  method->SetMetricSamplingPercentagePerLevel(shares);
  method->MetricSamplingReinitializeSeed(sampling_seed);
  method->Update();
}

AffineTransform::Pointer to_itk(const Affine& map) {
  AffineTransform::MatrixType matrix;
  AffineTransform::OutputVectorType offset;
  for (unsigned row = 0; row < 3; ++row) {
    for (unsigned column = 0; column < 3; ++column) matrix[row][column] = map[row][column];
    offset[row] = map[row][3];
  }
  auto transform = AffineTransform::New();
  transform->SetMatrix(matrix);
  transform->SetOffset(offset);
  return transform;
}

template <class T>
Grid<T> warp(const Grid<T>& grid, const Affine& affine, const Affine& map, const GridPlace& onto,
             itk::InterpolateImageFunction<ItkImage<T>, double>& interpolator) {
  use_one_thread();
  const auto image = to_itk(grid);
  place(*image, affine);
  const auto target = ItkImage<T>::New();  // never allocated
  typename ItkImage<T>::SizeType size;
  for (unsigned axis = 0; axis < 3; ++axis) size[axis] = static_cast<std::size_t>(onto.size[2 - axis]);
  target->SetRegions(size);
  place(*target, onto.affine);
  const auto filter = itk::ResampleImageFilter<ItkImage<T>, ItkImage<T>>::New();
  filter->SetInput(image);
  filter->SetTransform(to_itk(map));
  filter->SetInterpolator(&interpolator);
  filter->SetReferenceImage(target);
  filter->UseReferenceImageOn();
  filter->Update();
  return from_itk<T>(*filter->GetOutput());
}

}  // namespace

void check_itk_is_built(const std::string&) {}

Grid<float> correct_bias_field(const Grid<float>& image, const Grid<std::uint8_t>& mask,
                               const std::array<double, 3>& spacing, const N4Options& options,
                               const std::string& name) {
  use_one_thread();
  check_size(image.size, options.shrink, name);
  const auto whole = to_itk(image);
  const auto whole_tissue = to_itk(tissue_inside(image, mask, name));
  Grid<float> brain(mask.size);
  std::copy(mask.values.begin(), mask.values.end(), brain.values.begin());
  const auto whole_brain = to_itk(brain);
  set_spacing(*whole, spacing);
  set_spacing(*whole_tissue, spacing);
  set_spacing(*whole_brain, spacing);
  const auto smooth = itk::DiscreteGaussianImageFilter<FloatImage, FloatImage>::New();
  smooth->SetInput(whole_brain);
  smooth->SetVariance(weight_sigma_mm * weight_sigma_mm);
  smooth->Update();

  const auto small = shrunk(*whole, options.shrink);
  const auto tissue = shrunk(*whole_tissue, options.shrink);
  const auto weights = shrunk(*smooth->GetOutput(), options.shrink);
  check_contrast(*small, *tissue, options.shrink, name);
  Grid<float> corrected = image;
  divide_by_field(corrected, *whole, *estimate_field(*small, *tissue, *weights, options.iterations));
  return corrected;
}

Affine find_affine(const PlacedImage& fixed, const PlacedImage& moving) {
  use_one_thread();
  check_affine(fixed);
  check_affine(moving);
  const auto fixed_image = to_itk(fixed.voxels), moving_image = to_itk(moving.voxels);
  place(*fixed_image, fixed.affine);
  place(*moving_image, moving.affine);
  Affine map{};
  try {
    const auto transform = centred(*fixed_image, *moving_image);
    optimise(*transform, *fixed_image, *moving_image);
    for (unsigned row = 0; row < 3; ++row) {
      for (unsigned column = 0; column < 3; ++column) map[row][column] = transform->GetMatrix()[row][column];
      map[row][3] = transform->GetOffset()[row];
    }
  } catch (const itk::ExceptionObject& problem) {
    throw DataError(
        fmt::format("{}: cannot be registered to {}: {}", moving.name, fixed.name, problem.GetDescription()));
  }
  return map;
}

Grid<float> warp_image(const Grid<float>& image, const Affine& affine, const Affine& map,
                       const GridPlace& onto, Interpolation interpolation) {
  if (interpolation == Interpolation::linear)
    return warp(image, affine, map, onto, *itk::LinearInterpolateImageFunction<FloatImage>::New());
  require(interpolation == Interpolation::bspline, "images are warped by linear or B-spline interpolation");
  return warp(image, affine, map, onto, *itk::BSplineInterpolateImageFunction<FloatImage>::New());
}

Grid<std::uint8_t> warp_labels(const Grid<std::uint8_t>& labels, const Affine& affine, const Affine& map,
                               const GridPlace& onto, Interpolation interpolation) {
  if (interpolation == Interpolation::nearest)
    return warp(labels, affine, map, onto, *itk::NearestNeighborInterpolateImageFunction<LabelImage>::New());
  Grid<float> shares(labels.size);
  std::copy(labels.values.begin(), labels.values.end(), shares.values.begin());
  return nonzero(warp_image(shares, affine, map, onto, interpolation));
}

}  // namespace gyrus
