# ITK as one target, gyrus::itk, for the preset `itk` alone. In a function: ITK's package looks for HDF5 and others of its own, and says
# much about tools of theirs that are not there.
function(gyrus_find_itk)
  set(CMAKE_MESSAGE_LOG_LEVEL WARNING)
  find_package(ITK 5.2 QUIET COMPONENTS ITKCommon ITKBiasCorrection ITKRegistrationMethodsv4)
  if(NOT ITK_FOUND)
    message(FATAL_ERROR "GYRUS_ITK=ON, but no ITK 5.2 or newer: install the package libinsighttoolkit5-dev "
      "(scripts/install_packages.sh libinsighttoolkit5-dev), or set ITK_DIR")
  endif()
  add_library(gyrus_itk INTERFACE)
  add_library(gyrus::itk ALIAS gyrus_itk)
  target_include_directories(gyrus_itk SYSTEM INTERFACE ${ITK_INCLUDE_DIRS})
  target_link_libraries(gyrus_itk INTERFACE ${ITK_LIBRARIES})
endfunction()
gyrus_find_itk()
