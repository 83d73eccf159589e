#!/usr/bin/env bash
# `gyrus eval` on lesion masks at the limit: empty, covering the brain, none at all; and sets with fewer patients than ranks.
source "$(dirname "$0")/common.sh"

voxels=$((32 * 32 * 8))
bytes() { head -c "$1" /dev/zero | tr '\0' "$2"; } # COUNT BYTE

# nifti FILE: voxels from stdin as a volume of 32x32x8 bytes, 4 mm
nifti() {
  {
    printf '\x5c\x01\0\0'; bytes 36 '\0'                                     # size of the header
    printf '\x03\0\x20\0\x20\0\x08\0\x01\0\x01\0\x01\0\x01\0'; bytes 14 '\0' # dimensions
    printf '\x02\0\x08\0\0\0'                                                # unsigned bytes
    printf '\0\0\x80\x3f\0\0\x80\x40\0\0\x80\x40\0\0\x80\x40'; bytes 16 '\0' # sizes of a voxel
    printf '\0\0\xb0\x43'; bytes 232 '\0'                                    # data from byte 352
    printf 'n+1\0\0\0\0\0'
    head -c "$voxels"
  } >"$1"
  [ "$(stat -c %s "$1")" = $((352 + voxels)) ] || fail "$1 has another size"
}

# patient NAME MARKED: an image, all of it brain, and a lesion mask whose first MARKED voxels are set
patient() {
  # yes would end by a signal, which pipefail takes for a failure
  { yes "$1, a brain that is not the same everywhere" || true; } | head -c "$voxels" | nifti "files/$1.nii"
  { bytes "$2" '\1'; bytes $((voxels - $2)) '\0'; } | nifti "files/$1_lesion.nii"
}

mkdir -p files configs/data
for name in one two three four; do patient $name 700; done
patient hollow 0
patient solid $voxels
for number in 1 2 3 4 5 6 7 8; do patient well$number 0; done
cat >files/ill.csv <<'END'
subject,split
one,pair
two,pair
three,with_empty
hollow,with_empty
four,with_full
solid,with_full
END
cat >configs/data/masks.yaml <<END
name: masks
root: $work/shards
image_size: [32, 32, 8]
curvature_flow: false
reorient: false
sources: [ill, well]
source:
  ill: {folder: $work/files, table: ill.csv, image: "{subject}.nii", lesion: "{subject}_lesion.nii"}
  well: {folder: $work/files, subjects: [well1, well2, well3, well4, well5, well6, well7, well8], set: train, image: "{subject}.nii"}
END
own=(--config-dir "$work/configs" experiment=quickstart data=masks)
"$gyrus" prepare "${own[@]}" >prepare.log 2>&1 || { cat prepare.log; fail "gyrus prepare"; }
"$gyrus" train "${own[@]}" run.dir="$work/runs/run" trainer.max_samples=16 trainer.global_batch=8 validation.set=pair validation.every_samples=0 \
  "evaluation.threshold_sets=[pair]" "evaluation.test_sets=[pair]" >run.log 2>&1 || { cat run.log; fail "training"; }

# refused MESSAGE RANKS [override ...]: eval ends with exit code 3 and this very message, once, and writes nothing
refused() {
  local message=$1 ranks=$2
  shift 2
  expect_code 3 mpirun -np "$ranks" "$gyrus" eval checkpoint=runs/run "$@" >refused.log 2>&1
  [ "$(grep -cF -- "$message" refused.log)" = 1 ] || { cat refused.log; fail "not once: $message"; }
  [ ! -e runs/run/evaluation ] || fail "a refused evaluation left a folder"
  echo "ok: $message"
}

empty="patient hollow of the set with_empty is labelled as having a lesion, but no voxel of its lesion mask is set (after cropping to data.image_size); take it out of the set's table"
full="the lesion mask of patient solid of the set with_full has $voxels voxels, its brain mask $voxels: all of the brain cannot be a lesion; check whether the masks are exchanged or inverted"
none="the set train has no lesions, so no threshold can be found or tested on it; name labelled sets in evaluation.threshold_sets and evaluation.test_sets, and healthy ones in evaluation.healthy_sets"
refused "$empty" 1 "evaluation.test_sets=[with_empty]"
refused "$empty" 2 "evaluation.threshold_sets=[with_empty]"
refused "$full" 1 "evaluation.test_sets=[with_full]"
refused "$full" 2 "evaluation.threshold_sets=[with_full]"
refused "$none" 1 "evaluation.threshold_sets=[train]"
refused "$none" 2 "evaluation.test_sets=[train]"

echo "--- two patients on three ranks"
for options in evaluation=corrected evaluation=reference "evaluation.objective=patient evaluation.healthy_sets=[train]"; do
  for ranks in 1 3; do
    # shellcheck disable=SC2086  # several words
    mpirun -np $ranks "$gyrus" eval checkpoint=runs/run --json $options >$ranks.json 2>eval.log || { cat eval.log; fail "eval $options on $ranks ranks"; }
    tables=$(dirname "$(ls -t runs/run/evaluation/*/summary.json | head -n 1)")
    cat "$tables"/{patients,slices}.csv "$tables/patients.json" >$ranks.tables
  done
  [ "$(grep -c '^model,pair,test,' 1.tables)" -gt 2 ] || fail "no rows: $options"
  diff 1.json 3.json || fail "$options: the summary depends on the number of ranks"
  diff 1.tables 3.tables || fail "$options: the tables depend on the number of ranks"
  echo "ok: $options"
done
