# Sourced. Lets mpirun work as root in a container, without ssh, and with more ranks than cores; harmless elsewhere.
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
export OMPI_MCA_rmaps_base_oversubscribe=1 OMPI_MCA_hwloc_base_binding_policy=none
export OMPI_MCA_btl_vader_single_copy_mechanism=none
command -v ssh >/dev/null 2>&1 || export OMPI_MCA_plm_rsh_agent=
